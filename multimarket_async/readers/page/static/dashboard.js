// A part of the page, from the dashboard that a domain declares: filters, tiles and cards of the chosen rows.

import { Behind } from "./behind.js";
import { compared, elsewhere } from "./bykey.js";
import { Card } from "./card.js";
import { heading, named, shown, single, total } from "./cells.js";
import { changed } from "./comparing.js";
import { Detail } from "./detail.js";
import { byId, element, fit, tell } from "./elements.js";
import { Filters, MOST_HOURLY_DAYS } from "./filter.js";
import { Glance } from "./glance.js";
import { ask } from "./live.js";
import { showMinutes } from "./minutes.js";
import { overTime } from "./overtime.js";
import { comparisons, completed, dated, days, grainOf, inside, keptFiner, PRESETS, spanName, within } from "./periods.js";
import { dates, declared, period, say } from "./words.js";

const MOST_DAYS = 62;

/** The KPIs whose rows a dashboard shows; those by shorter times are asked for when these are chosen. */
export const sources = ({ kpi, finer, charts }) => [...new Set([kpi, finer, ...charts.map((chart) => chart.kpi)])].filter(Boolean);

/** The KPIs that need no card of their own. */
export const covered = ({ kpi, covers, earlier, hourly, charts }) => [kpi, earlier, ...covers, ...charts.map((chart) => chart.kpi), ...[hourly, ...charts.map((chart) => chart.by_day)].flatMap((finer) => finer?.kpis)];

export class Part {
  /** declaration: of about.json, with its domain. columns: by KPI. minutes: it shows what came in by minute. */
  constructor(declaration, columns, minutes) {
    Object.assign(this, { declaration, columns: columns[declaration.kpi], of: columns, early: new Map() });
    this.detail = new Detail(() => this.draw());
    const { id, filters, tiles, charts, targets, listing } = declaration;
    this.by = named(this.columns);
    this.glance = new Glance(id, targets, (period) => this.filters.choose(period));
    this.behind = listing && new Behind(id, listing);
    this.extremes = element("ul", { class: "extremes" });
    this.heading = element("h2", { id: `${id}-title` });
    this.filters = new Filters(id, filters.map((name) => this.by[name]), () => this.draw(true), Boolean(declaration.hourly));
    this.scope = element("p", { class: "scope", id: `${id}-scope` });
    this.tiles = tiles.map((tile) => ({ tile, host: place(`${id}-tile-${tile.column}`) }));
    this.cards = charts.map((chart) => ({ chart, ...card(`${id}-${chart.columns[0]}-by-${chart.x}`, chart) }));
    this.minutes = minutes && { tile: place(`${id}-tile-minutes`), ...card(`${id}-minutes`, { drawn: true }) };
    const every = this.minutes ? [...this.cards, this.minutes] : this.cards;
    const places = [...this.tiles.map(({ host }) => host), ...(this.minutes ? [this.minutes.tile] : [])];
    this.host = element(
      "section", { id, "aria-labelledby": `${id}-title`, hidden: true },
      this.heading, this.glance.host, this.filters.form, this.scope, element("dl", { class: "tiles" }, ...places), this.extremes,
      ...(this.behind ? [this.behind.host] : []),
      element("div", { class: "cards" }, ...every.map(({ host }) => host)),
    );
    byId("figures").append(this.host);
    this.host.addEventListener("pick", ({ detail: [name, value] }) => this.pick(name, value));
  }

  /** Filter by a value that was clicked on; where the page has no such filter, list the documents with it. */
  pick(name, value) {
    if (name === "at") this.filters.choose(value);
    else if (this.declaration.filters.includes(name)) this.filters.only(name, value);
    else this.behind.pick(name, value);
  }

  /** A row is filtered by its value in this column, or its documents are listed. */
  picks(name) {
    const { filters, listing } = this.declaration;
    return filters.includes(name) || listing?.filters.includes(name) ? (row) => [name, row[name]] : undefined;
  }

  /** Times can be chosen, as far as there are shorter ones than the whole. */
  picksTime(grain) {
    const coarse = this.rows.length ? grainOf(this.rows[0].at) : "";
    return grain === coarse || this.byDay ? (row) => ["at", row.at] : undefined;
  }

  /** The finer rows of another generation, as far as they were asked for before. */
  async load(generation) {
    if (this.early.size) this.early = await this.asked([...this.early.keys()], generation);
    await this.detail.load(generation);
  }

  /** The rows of a span by hour; undefined where they are not kept, or have not come yet. */
  hours(span) {
    const { hourly } = this.declaration;
    if (!hourly || Date.parse(span.to) - Date.parse(span.from) >= MOST_HOURLY_DAYS * 86_400_000) return undefined;
    const time = this.of[hourly.kpis[0]].find(({ role }) => role === "time").name;
    return this.detail.rows(hourly, span, this.newest)?.map((row) => ({ ...row, at: row[time] }));
  }

  /** The newest of its periods. */
  get newest() {
    return this.periods.reduce((last, at) => (at > last ? at : last), "");
  }

  /** Finer rows of periods that have them in a KPI of their own. */
  async asked(periods, generation) {
    const [from, to] = [[...periods].sort()[0], [...periods].sort().at(-1)];
    const query = new URLSearchParams({ generation, from: days(from).from, to: days(to).to });
    const { rows } = await ask(`kpis/${this.declaration.earlier}?${query}`);
    const found = dated(rows, this.finerTime);
    return new Map(periods.map((at) => [at, found.filter((row) => inside(days(at), row))]));
  }

  /** Ask for finer rows where these spans need them, and draw again. */
  async need(spans, grain) {
    if (!this.declaration.earlier) return;
    const short = (span) => ["day", "week"].includes(grain) || Date.parse(span.to) - Date.parse(span.from) < MOST_DAYS * 86_400_000;
    const needs = (span, at) => span.from <= days(at).to && days(at).from <= span.to && (short(span) || !inside(span, { at }));
    const kept = keptFiner(this.rows, this.finer, this.count());
    const missing = this.periods.filter((at) => !kept.has(at) && !this.early.has(at) && spans.some((span) => needs(span, at)));
    if (!missing.length) return;
    for (const at of missing) this.early.set(at, []);
    try {
      for (const [at, rows] of await this.asked(missing, this.generation)) this.early.set(at, rows);
      this.merge();
      this.draw();
    } catch (error) {
      console.info(error.message); // the next generation asks again
    }
  }

  merge() {
    const from = this.recent[0]?.at ?? "";
    this.finer = this.early.size ? [...[...this.early.values()].flat().filter(({ at }) => at < from), ...this.recent] : this.recent;
  }

  get empty() {
    return !this.rows?.length;
  }

  /** rows: by KPI, of this generation. */
  show(rows, generation) {
    const { kpi, finer, time } = this.declaration;
    this.generation = this.detail.generation = generation;
    this.all = Object.fromEntries(Object.entries(rows).map(([name, all]) => [name, this.of[name] ? single(this.of[name], all) : all]));
    this.rows = dated(this.all[kpi] ?? [], this.by[time]);
    this.periods = [...new Set(this.rows.map(({ at }) => at))]; // few, where rows are many
    this.finerTime = finer && this.of[finer].find(({ role, type }) => role === "time" && type === "string");
    this.recent = finer ? dated(this.all[finer] ?? [], this.finerTime ?? this.of[finer].find(({ role }) => role === "time")) : [];
    this.host.hidden = this.empty;
    if (this.empty) return;
    this.merge();
    this.byDay = this.recent.length > 0 && grainOf(this.recent[0].at) === "day";
    const latest = (this.byDay ? this.recent : this.rows).reduce((last, { at }) => (at > last ? at : last), "");
    this.filters.offer(this.rows, this.byDay, days(latest).to);
    this.draw();
  }

  /** status: of /api/status. */
  came(status) {
    showMinutes(this, status);
  }

  /** Of what is known and chosen; in the language of now. */
  draw(chosen = false) {
    if (this.empty) return;
    this.filters.offer();
    tell(this.heading, declared(this.declaration.title));
    const choice = this.filters.chosen();
    const { rows, widened } = within(choice, this.rows, this.finer, this.count());
    const selected = rows.filter(choice.accepts);
    const sums = total(this.columns, selected);
    this.tell(choice, sums, choice.from > choice.to ? say("backwards") : selected.length ? widening(widened) : say("nothing_measured"), chosen);
    const earlier = this.earlier(choice);
    for (const { tile, host } of this.tiles) this.tile(tile, host, sums, earlier);
    const contents = this.cards.map(({ chart }) => this.content(chart, choice, selected));
    this.cards.forEach(({ made }, place) => made.show(contents[place]));
    this.extremes.replaceChildren(...contents.filter(({ form, best }) => form === "bars" && best).map(({ best }) => element("li", { text: best })));
    this.atAGlance(choice);
    this.behind?.show(choice);
    const spans = Object.values(this.glance.spans(this.grain, this.filters.day));
    const all = choice.kind === "all" ? spans : [choice, ...spans];
    this.need([...all, ...all.flatMap(comparisons), ...(choice.kind === "all" && choice.grain !== "auto" ? [choice] : [])], choice.grain);
  }

  get grain() {
    return this.byDay || grainOf(this.rows[0].at) === "day" ? "day" : grainOf(this.rows[0].at);
  }

  /** The rows of a span with the chosen values; undefined where nothing is known of it, or not exactly it. */
  exactly(span, choice) {
    const { rows, widened } = within(span, this.rows, this.finer, this.count());
    const found = rows.filter(choice.accepts);
    return found.length && widened === false ? found : undefined;
  }

  /** The spans that a choice is compared with, with their rows and sums, and its own sums over the days that are over. */
  earlier(choice) {
    if (choice.kind === "all") return [];
    const whole = completed(choice, this.filters.today);
    const over = whole === choice ? undefined : this.exactly(whole, choice) ?? [];
    const now = over && total(this.columns, over);
    return comparisons(whole).flatMap((span, place) => {
      const rows = this.exactly(span, choice);
      return rows ? [{ place, span, rows, whole, over, now, name: choice.kind in PRESETS ? dates(span, this.filters.day) : inShort(span), sums: total(this.columns, rows), begun: choice.from === choice.to && choice.to === this.filters.today && choice.kind in PRESETS }] : [];
    });
  }

  /** The one among them that charts show, too. */
  against(choice) {
    if (choice.kind === "all") return undefined;
    const earlier = this.earlier(choice);
    const place = { before: 0, year_before: comparisons(choice).length - 1 }[choice.against]; // of a year both are the same
    return earlier.find((span) => span.place === place);
  }

  atAGlance(choice) {
    const found = Object.entries(this.glance.spans(this.grain, this.filters.day)).map(([name, span]) => {
      const own = { ...choice, kind: name, days: undefined, months: undefined, ...span };
      const sums = total(this.columns, this.exactly(span, choice) ?? []);
      return { name, span, sums, earlier: this.earlier(own).map((earlier) => changed(this.by[this.declaration.tiles[0].column], sums, earlier)) };
    });
    this.glance.show(this.declaration.tiles.length ? found : [], this.by, this.declaration.tiles, choice.kind, this.filters.day);
  }

  /** A sum by which finer rows are compared with those of whole periods. */
  count() {
    return this.declaration.count || this.columns.find(({ role }) => role === "sum").name;
  }

  tell(choice, sums, note, chosen) {
    const { count, domain } = this.declaration;
    const counted = count ? [`${shown(this.by[count], sums[count])} ${declared(this.by[count].unit || domain)}`] : [];
    const text = [choice.name, ...choice.words, ...counted].join(" · ");
    tell(this.scope, note ? `${text}. ${note}` : text);
    if (chosen) tell(byId("announced"), this.scope.textContent); // a screen reader hears of choices, not of each new document
  }

  tile({ column, title: own, note }, { children: [title, value, below, ...changes] }, sums, earlier) {
    changes.forEach((place, index) => tell(place, earlier[index] ? changed(this.by[column], sums, earlier[index]) : ""));
    tell(title, own ? declared(own) : heading(this.by[column]));
    fit(value, shown(this.by[column], sums[column]));
    tell(below, declared(note).replace(/\{(\w+)\}/g, (_, name) => shown(this.by[name], sums[name])));
  }

  content(chart, choice, selected) {
    if (chart.kpi) return elsewhere(this, chart, choice);
    return (chart.x === this.declaration.time ? overTime : compared)(this, chart, choice, selected);
  }

  /** The address of a workbook with these rows. grain: of the times that are shown; "" for rows by keys. */
  book(choice, grain, ...keys) {
    const { kpi, finer, time } = this.declaration;
    const coarse = this.rows.length && grainOf(this.rows[0].at);
    const byDay = this.finer.length && (grain ? grain !== coarse : choice.kind in PRESETS || ["day", "range"].includes(choice.kind));
    if ((grain && ![coarse, "day"].includes(grain)) || (byDay && choice.from < this.recent[0].at)) return undefined; // no KPI has these rows
    const dates = byDay ? this.finerTime?.name : this.by[time].type === "string" && time;
    if (!dates && choice.kind !== "all") return undefined; // times that are instants have other bounds
    const bounds = ["from", "to"].map((end) => [end, byDay ? choice[end] : spanName({ kind: coarse, from: choice[end], to: choice[end] })]);
    const by = [grain && (dates || time), ...keys].filter(Boolean).join(",");
    const query = new URLSearchParams([["generation", this.generation], ["by", by], ["amounts", "units"], ...choice.query, ...(choice.kind === "all" ? [] : bounds)]);
    return `api/kpis/${byDay ? finer : kpi}.xlsx?${query}`;
  }

}

const inShort = (span) => spanName(span).split("_").map((at) => period(at, "short")).join(" – ");

/** widened: of `within`. */
const widening = (widened) => ({ false: "", "": say("whole_periods") }[widened] ?? say("widened", { day: period(days(widened).from) }));

const place = (id) => element("div", { class: "tile", id }, element("dt"), element("dd", { class: "big" }), element("dd", { class: "quiet" }), ...[1, 2].map(() => element("dd", { class: "quiet change" })));

function card(id, { drawn: chart, wide = false }) {
  const host = element("article", { class: wide ? "card wide" : "card", id });
  return { host, made: new Card(host, { chart, open: !chart }) };
}
