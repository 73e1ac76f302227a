// A part of the page, from the dashboard that a domain declares: filters, tiles and cards of the chosen rows.

import { Card } from "./card.js";
import { grouped, heading, inTable, mark, named, shown, total } from "./cells.js";
import { byId, element, tell } from "./elements.js";
import { Filters } from "./filter.js";
import { dated, days, grainOf, inside, keptFiner, within } from "./periods.js";
import { clock, declared, lower, number, period, say, upper } from "./words.js";

const MOST_DAYS = 62;
const MOST_RANKED = 10;

/** The KPIs whose rows a dashboard shows. */
export const sources = ({ kpi, finer, charts }) =>
  [...new Set([kpi, finer, ...charts.flatMap((chart) => [chart.kpi, chart.by_period])])].filter(Boolean);

/** The KPIs that need no card of their own. */
export const covered = ({ kpi, covers, charts }) => [kpi, ...covers, ...charts.map((chart) => chart.kpi).filter(Boolean)];

export class Part {
  /** declaration: of about.json, with its domain. columns: by KPI. minutes: it shows what came in by minute. */
  constructor(declaration, columns, minutes) {
    Object.assign(this, { declaration, columns: columns[declaration.kpi], of: columns });
    const { id, filters, tiles, charts } = declaration;
    this.by = named(this.columns);
    this.heading = element("h2", { id: `${id}-title` });
    this.filters = new Filters(id, filters.map((name) => this.by[name]), () => this.draw());
    this.scope = element("p", { class: "scope", id: `${id}-scope`, role: "status" });
    this.tiles = tiles.map((tile) => ({ tile, host: place(`${id}-tile-${tile.column}`) }));
    this.cards = charts.map((chart) => ({ chart, ...card(`${id}-${chart.columns[0]}-by-${chart.x}`, chart) }));
    this.minutes = minutes && { tile: place(`${id}-tile-minutes`), ...card(`${id}-minutes`, { drawn: true }) };
    const every = this.minutes ? [...this.cards, this.minutes] : this.cards;
    const places = [...this.tiles.map(({ host }) => host), ...(this.minutes ? [this.minutes.tile] : [])];
    this.host = element(
      "section", { id, "aria-labelledby": `${id}-title`, hidden: true },
      this.heading, this.filters.form, this.scope, element("dl", { class: "tiles" }, ...places),
      element("div", { class: "cards" }, ...every.map(({ host }) => host)),
    );
    byId("figures").append(this.host);
  }

  get empty() {
    return !this.rows?.length;
  }

  /** rows: by KPI. */
  show(rows) {
    const { kpi, finer, time } = this.declaration;
    this.all = rows;
    this.rows = dated(rows[kpi] ?? [], this.by[time]);
    this.finerTime = finer && this.of[finer].find(({ role, type }) => role === "time" && type === "string");
    this.finer = finer ? dated(rows[finer] ?? [], this.finerTime ?? this.of[finer].find(({ role }) => role === "time")) : [];
    this.host.hidden = this.empty;
    if (this.empty) return;
    this.filters.offer(this.rows, this.finer.length && grainOf(this.finer[0].at) === "day");
    this.draw();
  }

  /** Of what is known and chosen; in the language of now. */
  draw() {
    if (this.empty) return;
    this.filters.offer();
    tell(this.heading, declared(this.declaration.title));
    const choice = this.filters.chosen();
    const { rows, widened } = within(choice, this.rows, this.finer, this.count());
    const selected = rows.filter(choice.accepts);
    const sums = total(this.columns, selected);
    this.tell(choice, sums, widened);
    for (const { tile, host } of this.tiles) this.tile(tile, host, sums);
    for (const { chart, made } of this.cards) made.show(this.content(chart, choice, selected));
  }

  /** A sum by which finer rows are compared with those of whole periods. */
  count() {
    return this.declaration.count || this.columns.find(({ role }) => role === "sum").name;
  }

  tell(choice, sums, widened) {
    const { count, domain } = this.declaration;
    const counted = count ? [`${shown(this.by[count], sums[count])} ${declared(this.by[count].unit || domain)}`] : [];
    const text = [choice.name, ...choice.words, ...counted].join(" · ");
    const note = { false: "", "": say("whole_periods") }[widened] ?? say("widened", { day: period(days(widened).from) });
    tell(this.scope, note ? `${text}. ${note}` : text);
  }

  tile({ column, title: own, note }, { children: [title, value, below] }, sums) {
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
    const at = { ...this.by[chart.x], name: "at", type: "string", title: "" };
    const by = { ...this.by, at };
    const found = grouped(this.columns, rows, ["at", chart.series].filter(Boolean));
    const columns = [at, chart.series, ...chart.columns].filter(Boolean).map((column) => by[column] ?? column);
    const measure = this.by[chart.columns[0]];
    return {
      name: `${measure.name}_${choice.period}`,
      title: titled(chart, measure, say(`grain_${grain}`), this.by[chart.series]),
      columns: columns.map((column) => (column === at ? { ...inTable(at), name: grain, title: say("period_column") } : inTable(column))),
      rows: found,
      form: measure.role === "sum" ? "time" : "lines",
      values: found.map((row) => mark(row, { x: at, y: measure, series: this.by[chart.series] })),
    };
  }

  /** The chosen rows by finer times where the period is short and these are kept; else as they are. */
  times(choice, selected) {
    const kept = keptFiner(this.rows, this.finer, this.count());
    const finer = this.finer.filter((row) => inside(choice, row) && choice.accepts(row));
    const known = selected.every(({ at }) => kept.has(at) || this.finer.some((row) => row.at === at));
    const daily = finer.length && known && new Set(finer.map(({ at }) => at)).size <= MOST_DAYS;
    const coarse = () => selected.map((row) => ({ ...row, at: this.parent(row.at) }));
    const rows = daily ? finer : coarse();
    return { rows, grain: rows.length ? grainOf(rows[0].at) : "month" };
  }

  parent(at) {
    const day = { at };
    return this.rows.find((row) => row.at === at || inside(days(row.at), day))?.at ?? at;
  }

  /** Totals by a key, or by two. */
  compared(chart, choice, selected) {
    const [x, series, measure] = [chart.x, chart.series, chart.columns[0]].map((name) => this.by[name]);
    const rows = grouped(this.columns, selected, [chart.series, chart.x].filter(Boolean));
    return {
      name: `${measure.name}_by_${x.name}_${choice.period}`,
      title: titled(chart, measure, lower(declared(x.title)), series),
      columns: [x, series, ...chart.columns.map((name) => this.by[name])].filter(Boolean).map(inTable),
      rows,
      form: series ? "grid" : "bars",
      values: chart.drawn ? ranked(rows, measure, series).map((row) => mark(row, { x, y: measure, series })) : [],
    };
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
    const top = found.slice(0, series || x.role === "time" ? undefined : MOST_RANKED);
    return {
      name: `${measure.name}_by_${x.name}_${monthly ? monthly[0].at : "all"}`,
      title: chart.title ? declared(chart.title) : declared(this.declaration.titles[chart.kpi]),
      note: filtered && whole ? "" : say("wider", { period: of }),
      columns: [x, series, ...chart.columns.map((name) => by[name])].filter(Boolean).map(inTable),
      rows: top,
      form: x.role !== "time" ? (series ? "grid" : "bars") : measure.role === "sum" ? "time" : "lines",
      values: chart.drawn ? top.map((row) => mark(row, { x, y: measure, series })) : [],
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

const place = (id) => element("div", { class: "tile", id }, element("dt"), element("dd", { class: "big" }), element("dd", { class: "quiet" }));

function card(id, { drawn: chart, wide = false }) {
  const host = element("article", { class: wide ? "card wide" : "card", id });
  return { host, made: new Card(host, { chart, open: !chart }) };
}

function titled({ title }, measure, by, series) {
  if (title) return declared(title);
  const facts = { measure: heading(measure), by, series: series && lower(declared(series.title)) };
  return say(series ? "by_both" : "by_one", facts);
}

/** The largest first, where bars are drawn. */
const ranked = (rows, measure, series) => (series ? rows : [...rows].sort((one, other) => Number(other[measure.name]) - Number(one[measure.name])));
