// A part of the page, from the dashboard that a domain declares: filters, tiles and cards of the chosen rows.

import { Behind } from "./behind.js";
import { Card } from "./card.js";
import { drawn, grouped, heading, inTable, mark, measured, named, shown, single, total } from "./cells.js";
import { ceiling } from "./charts.js";
import { best, changed, difference, inWords, ranked } from "./comparing.js";
import { byId, element, tell } from "./elements.js";
import { Filters } from "./filter.js";
import { Glance } from "./glance.js";
import { ask } from "./live.js";
import { aligned, comparisons, completed, dated, days, grainOf, inside, keptFiner, PERIOD_OF, PRESETS, spanName, within } from "./periods.js";
import { clock, dates, declared, lower, number, percent, period, say, upper } from "./words.js";

const MOST_DAYS = 62;
const MOST_RANKED = 10;

/** The KPIs whose rows a dashboard shows. */
export const sources = ({ kpi, finer, charts }) =>
  [...new Set([kpi, finer, ...charts.flatMap((chart) => [chart.kpi, chart.by_period])])].filter(Boolean);

/** The KPIs that need no card of their own. */
export const covered = ({ kpi, covers, earlier, charts }) => [kpi, earlier, ...covers, ...charts.map((chart) => chart.kpi).filter(Boolean)];

export class Part {
  /** declaration: of about.json, with its domain. columns: by KPI. minutes: it shows what came in by minute. */
  constructor(declaration, columns, minutes) {
    Object.assign(this, { declaration, columns: columns[declaration.kpi], of: columns, early: new Map() });
    const { id, filters, tiles, charts, targets, listing } = declaration;
    this.by = named(this.columns);
    this.glance = new Glance(id, targets, (period) => this.filters.choose(period));
    this.behind = listing && new Behind(id, listing);
    this.extremes = element("ul", { class: "extremes" });
    this.heading = element("h2", { id: `${id}-title` });
    this.filters = new Filters(id, filters.map((name) => this.by[name]), () => this.draw(true));
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

  /** The finer rows of another generation, for those periods whose rows were asked for before. */
  async load(generation) {
    if (this.early.size) this.early = await this.asked([...this.early.keys()], generation);
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
    this.generation = generation;
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
    const now = whole === choice ? undefined : total(this.columns, this.exactly(whole, choice) ?? []);
    return comparisons(whole).flatMap((span, place) => {
      const rows = this.exactly(span, choice);
      return rows ? [{ place, span, rows, now, name: choice.kind in PRESETS ? dates(span, this.filters.day) : inShort(span), sums: total(this.columns, rows), begun: choice.from === choice.to && choice.to === this.filters.today && choice.kind in PRESETS }] : [];
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
    tell(value, shown(this.by[column], sums[column]));
    tell(below, declared(note).replace(/\{(\w+)\}/g, (_, name) => shown(this.by[name], sums[name])));
  }

  content(chart, choice, selected) {
    if (chart.kpi) return this.elsewhere(chart, choice);
    return chart.x === this.declaration.time ? this.overTime(chart, choice, selected) : this.compared(chart, choice, selected);
  }

  overTime(chart, choice, selected) {
    const { rows, grain } = this.times(choice, selected);
    const pick = this.picksTime(grain);
    const at = { ...this.by[chart.x], name: "at", type: "string", title: "" };
    const by = { ...this.by, at };
    const found = grouped(this.columns, rows, ["at", chart.series].filter(Boolean));
    const columns = [at, chart.series, ...chart.columns].filter(Boolean).map((column) => by[column] ?? column);
    const measure = this.by[chart.columns[0]];
    const head = { name: grain, title: say("period_column") };
    if (chart.together) return this.together(chart, found, at, head, columns, this.book(choice, grain), choice.period);
    return {
      book: this.book(choice, grain, chart.series),
      name: `${measure.name}_${choice.period}`,
      title: titled(chart, measure, say(`grain_${grain}`), this.by[chart.series]),
      columns: columns.map((column) => (column === at ? { ...inTable(at), ...head, pick } : inTable(column))),
      rows: found,
      measure: measured(measure),
      form: measure.role === "sum" ? "time" : "lines",
      ...this.withBefore(choice, grain, measure, found.map((row) => ({ ...mark(row, { x: at, y: measure, series: this.by[chart.series] }), picks: pick?.(row) }))),
    };
  }

  /** The marks with those of the span that they are compared with, at the times of these. */
  withBefore(choice, grain, measure, values) {
    const against = this.against(choice);
    if (!against) return { values };
    const rows = this.atGrain(against.span, against.rows, choice, grain);
    const before = grouped(this.columns, rows, ["at"]).map((row) => ({
      x: PERIOD_OF[grain](aligned(days(row.at).from, against.span, choice)), before: drawn(measure, row[measure.name]),
      tip: `${period(row.at)}\n${shown(measure, row[measure.name])}`,
    }));
    return { values: [...values, ...before], note: say("dashed", { name: against.name }) };
  }

  /** Rows of a span by periods of this length. */
  atGrain(span, rows, choice, grain) {
    const daily = this.finer.filter((row) => inside(span, row) && choice.accepts(row));
    const found = ["day", "week"].includes(grain) && daily.length ? daily : rows;
    return found.map((row) => ({ ...row, at: PERIOD_OF[grain](days(row.at).from) }));
  }

  /** Several measures over time or a key, `at`: lines, or where their units differ two lines with an axis each. */
  together(chart, rows, at, head, columns, book, chosen) {
    const measures = chart.columns.map((name) => this.by[name]);
    const title = chart.title ? declared(chart.title) : measures.map((measure) => heading(measure)).join(", ");
    const alike = new Set(measures.map(({ unit }) => unit)).size === 1;
    const marks = measures.flatMap((measure) => rows.map((row) => ({
      ...mark(row, { x: at, y: measure }), series: measured(measure), tip: `${shown(at, row.at)}, ${heading(measure)}\n${shown(measure, row[measure.name])}`,
    })));
    return {
      name: `${measures[0].name}_${chosen}`, title, rows, book,
      columns: columns.map((column) => (column === at ? { ...inTable(at), ...head } : inTable(column))),
      measure: alike ? declared(measures[0].unit) : "", form: alike ? "lines" : "pair", values: marks,
    };
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

  /** The chosen rows by finer times where the period is short and these are kept; else as they are. Once a choice. */
  times(choice, selected) {
    if (this.timed?.choice !== choice) this.timed = { choice, ...this.timesOf(choice, selected) };
    return this.timed;
  }

  timesOf(choice, selected) {
    const kept = keptFiner(this.rows, this.finer, this.count());
    const finer = this.finer.filter((row) => inside(choice, row) && choice.accepts(row));
    const dates = new Set(this.finer.map(({ at }) => at));
    const known = finer.length && selected.every(({ at }) => kept.has(at) || dates.has(at));
    const grained = choice.grain in PERIOD_OF && (known || !["day", "week"].includes(choice.grain));
    if (grained) return { rows: this.atGrain(choice, selected, choice, choice.grain), grain: choice.grain };
    const daily = known && new Set(finer.map(({ at }) => at)).size <= MOST_DAYS;
    const coarse = () => selected.map((row) => ({ ...row, at: this.parent(row.at) }));
    const rows = daily ? finer : coarse();
    return { rows, grain: rows.length ? grainOf(rows[0].at) : "month" };
  }

  parent(at) {
    const day = { at };
    return this.periods.find((own) => own === at || inside(days(own), day)) ?? at;
  }

  /** Totals by a key, or by two. */
  compared(chart, choice, selected) {
    const [x, series, measure] = [chart.x, chart.series, chart.columns[0]].map((name) => this.by[name]);
    const rows = grouped(this.columns, selected, [chart.series, chart.x].filter(Boolean));
    if (chart.together) {
      const at = { ...x, name: "at" };
      const [found, columns] = [rows.map((row) => ({ ...row, at: row[x.name] })), [at, ...chart.columns.map((name) => this.by[name])]];
      return this.together(chart, found, at, { name: x.name, title: heading(x) }, columns, this.book(choice, "", x.name), choice.period);
    }
    const against = series ? undefined : this.against(choice);
    const before = against && grouped(this.columns, against.rows, [x.name]);
    return {
      name: `${measure.name}_by_${x.name}_${choice.period}`,
      book: this.book(choice, "", x.name, series?.name),
      title: titled(chart, measure, lower(declared(x.title)), series),
      ...this.ranking([x, series, ...chart.columns.map((name) => this.by[name])].filter(Boolean), rows, measure, before, against?.name, chart.drawn),
      measure: measured(measure),
      form: series ? "grid" : "bars",
      values: chart.drawn ? this.marks(ranked(rows, measure, series), { x, y: measure, series }, before) : [],
    };
  }

  /** Marks that are clicked on to filter, each with its value of before. */
  marks(rows, drawing, before = []) {
    const { x, y } = drawing;
    const earlier = new Map(before.map((row) => [row[x.name], drawn(y, row[y.name])]));
    const pick = this.picks(x.name);
    return rows.map((row) => ({ ...mark(row, drawing), before: earlier.get(row[x.name]), picks: pick?.(row) }));
  }

  /** The table of a ranking: rows can be picked, and have their change where there are rows of before. */
  ranking(columns, rows, measure, before, name, isDrawn) {
    const [x] = columns;
    const listed = columns.map((column, place) => ({ ...inTable(column), pick: place ? undefined : this.picks(x.name) }));
    if (!before) return { columns: listed, rows, best: best(x, rows, measure) };
    const earlier = new Map(before.map((row) => [row[x.name], row[measure.name]]));
    const change = (row) => difference(measure, row[measure.name], earlier.get(row[x.name]));
    const column = { name: "change", title: say("change_on", { measure: heading(measure), name }), numeric: true, value: (row) => (Number.isNaN(change(row)) ? null : change(row)), shown: (row) => inWords(measure, change(row)) };
    return { columns: [...listed, column], rows, note: isDrawn ? say("marked", { name }) : "", best: best(x, rows, measure, change) };
  }

  /** Another KPI, which may lack the filters: for such a choice the card says so. */
  elsewhere(chart, choice) {
    const monthly = this.ofPeriod(chart, choice);
    const kpi = monthly ? chart.by_period : chart.kpi;
    const columns = this.of[kpi];
    const by = named(columns);
    const time = columns.find(({ role }) => role === "time");
    const rows = (monthly ?? this.all[kpi] ?? []).filter(choice.accepts);
    const chosen = time && !monthly ? dated(rows, time).filter((row) => inside(choice, row)) : rows;
    const filtered = this.filters.columns.every(({ name }) => name in by) || choice.every;
    const whole = monthly ? grainOf(choice.period) === grainOf(monthly[0].at) : time || choice.kind === "all";
    const of = monthly ? period(monthly[0].at) : lower(say("all"));
    const [x, series, measure] = [chart.x, chart.series, chart.columns[0]].map((name) => by[name]);
    const keys = [series, x].filter(Boolean).map(({ name }) => name);
    const parts = chosen.length === new Set(chosen.map((row) => JSON.stringify(keys.map((name) => row[name])))).size;
    const found = parts ? chosen : grouped(columns, chosen, keys);
    const marked = (row) => mark(row, { x, y: measure, series, band: chart.band?.map((name) => by[name]) });
    const map = chart.place && found.filter((row) => chart.place.every((name) => row[name] !== null));
    const top = found.slice(0, series || x.role === "time" || monthly ? undefined : MOST_RANKED);
    const at = monthly && choice.against === "before" && comparisons(choice)[0];
    const before = at && this.ofPeriod(chart, { ...choice, ...at });
    const ranks = x.role === "time" || series ? { rows: top } : this.ranking([x, ...chart.columns.map((name) => by[name])], top, measure, before, before && period(before[0].at, "short"), chart.drawn);
    return {
      name: `${measure.name}_by_${x.name}_${monthly ? monthly[0].at : "all"}`,
      title: chart.title ? declared(chart.title) : declared(this.declaration.titles[chart.kpi]),
      columns: [x, series, ...[...chart.columns, ...(chart.band ?? [])].map((name) => by[name])].filter(Boolean).map(inTable),
      ...ranks,
      note: [ranks.note, !(filtered && whole) && say("wider", { period: of })].filter(Boolean).join(" "),
      measure: map ? "" : measured(measure),
      form: map ? "map" : chart.band ? "band" : x.role !== "time" ? (series ? "grid" : "bars") : measure.role === "sum" ? "time" : "lines",
      values: map ? map.map((row) => ({ ...marked(row), x: row[chart.place[0]], y: row[chart.place[1]] })) : chart.drawn ? (ranks.columns ? this.marks(top, { x, y: measure }, before) : top.map(marked)) : [],
    };
  }

  /** The rows of the chosen period in the KPI that has them by period; undefined where there are none. */
  ofPeriod(chart, choice) {
    if (!chart.by_period || choice.kind === "all") return undefined;
    const time = this.of[chart.by_period].find(({ role }) => role === "time");
    const rows = dated(this.all[chart.by_period] ?? [], time).filter(({ at }) => inside(days(at), { at: choice.from }) && inside(days(at), { at: choice.to }));
    return rows.length ? rows : undefined;
  }

  /** status: of /api/status; the minute that has just ended is the last whole one. */
  came(status) {
    const { domain } = this.declaration;
    const rows = status.per_minute[domain];
    if (!this.minutes || this.empty || !rows) return;
    const documents = upper(declared(domain));
    const [title, value, below] = this.minutes.tile.children;
    tell(title, say("minute_rate", { documents }));
    tell(value, number(rows.at(-2)?.documents));
    tell(below, say("last_minute"));
    const at = (row) => clock(new Date(row.minute));
    this.minutes.made.show({
      name: `${domain}_per_minute`,
      title: say("minutes", { documents }),
      note: cutOff(rows.map((row) => row.documents)),
      columns: [
        { name: "minute", title: say("minute"), value: (row) => row.minute, shown: at },
        { name: "documents", title: documents, numeric: true, value: (row) => row.documents, shown: (row) => number(row.documents) },
      ],
      rows,
      form: "minutes",
      values: rows.map((row) => ({ x: at(row), y: row.documents, tip: `${at(row)}\n${number(row.documents)}` })),
    });
  }
}

const inShort = (span) => spanName(span).split("_").map((at) => period(at, "short")).join(" – ");

/** widened: of `within`. */
const widening = (widened) => ({ false: "", "": say("whole_periods") }[widened] ?? say("widened", { day: period(days(widened).from) }));

/** A sentence where a minute is higher than the chart. */
function cutOff(counts) {
  const most = Math.max(...counts);
  return most > ceiling(counts) ? say("cut_off", { count: number(most) }) : "";
}

const place = (id) => element("div", { class: "tile", id }, element("dt"), element("dd", { class: "big" }), element("dd", { class: "quiet" }), ...[1, 2].map(() => element("dd", { class: "quiet change" })));

function card(id, { drawn: chart, wide = false }) {
  const host = element("article", { class: wide ? "card wide" : "card", id });
  return { host, made: new Card(host, { chart, open: !chart }) };
}

function titled({ title }, measure, by, series) {
  if (title) return declared(title);
  const facts = { measure: heading(measure), by, series: series && lower(declared(series.title)) };
  return say(series ? "by_both" : "by_one", facts);
}
