// A part of the page, from the dashboard that a domain declares: filters, tiles and cards of the chosen rows.

import { Card } from "./card.js";
import { grouped, heading, inTable, mark, measured, named, shown, single, total } from "./cells.js";
import { ceiling } from "./charts.js";
import { byId, element, tell } from "./elements.js";
import { Filters } from "./filter.js";
import { dated, days, grainOf, inside, keptFiner, spanBefore, spanName, within, yearBefore } from "./periods.js";
import { clock, declared, lower, number, percent, period, say, upper } from "./words.js";

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

  /** rows: by KPI, of this generation. */
  show(rows, generation) {
    const { kpi, finer, time } = this.declaration;
    this.generation = generation;
    this.all = Object.fromEntries(Object.entries(rows).map(([name, all]) => [name, this.of[name] ? single(this.of[name], all) : all]));
    this.rows = dated(this.all[kpi] ?? [], this.by[time]);
    this.periods = [...new Set(this.rows.map(({ at }) => at))]; // few, where rows are many
    this.finerTime = finer && this.of[finer].find(({ role, type }) => role === "time" && type === "string");
    this.finer = finer ? dated(this.all[finer] ?? [], this.finerTime ?? this.of[finer].find(({ role }) => role === "time")) : [];
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
    this.tell(choice, sums, choice.from > choice.to ? say("backwards") : selected.length ? widening(widened) : say("nothing_measured"));
    const earlier = this.declaration.compared && choice.kind !== "all" ? this.earlier(choice) : [];
    for (const { tile, host } of this.tiles) this.tile(tile, host, sums, earlier);
    for (const { chart, made } of this.cards) made.show(this.content(chart, choice, selected));
  }

  /** The sums of the period before and of the same one a year before; those of which nothing is known are left out. */
  earlier(choice) {
    const spans = [spanBefore(choice), yearBefore(choice)].map((span) => ({ span, ...within(span, this.rows, this.finer, this.count()) }));
    const known = spans.map((found) => ({ ...found, rows: found.rows.filter(choice.accepts) })).filter(({ rows, widened }) => rows.length && widened === false);
    return known.map(({ span, rows }) => ({ name: spanName(span).split("_").map((at) => period(at, "short")).join(" – "), sums: total(this.columns, rows) }));
  }

  /** A sum by which finer rows are compared with those of whole periods. */
  count() {
    return this.declaration.count || this.columns.find(({ role }) => role === "sum").name;
  }

  tell(choice, sums, note) {
    const { count, domain } = this.declaration;
    const counted = count ? [`${shown(this.by[count], sums[count])} ${declared(this.by[count].unit || domain)}`] : [];
    const text = [choice.name, ...choice.words, ...counted].join(" · ");
    tell(this.scope, note ? `${text}. ${note}` : text);
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
      columns: columns.map((column) => (column === at ? { ...inTable(at), ...head } : inTable(column))),
      rows: found,
      measure: measured(measure),
      form: measure.role === "sum" ? "time" : "lines",
      values: found.map((row) => mark(row, { x: at, y: measure, series: this.by[chart.series] })),
    };
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
    const byDay = this.finer.length && (grain ? grain !== coarse : ["day", "range"].includes(choice.kind));
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
    const known = selected.every(({ at }) => kept.has(at) || this.finer.some((row) => row.at === at));
    const daily = finer.length && known && new Set(finer.map(({ at }) => at)).size <= MOST_DAYS;
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
    return {
      name: `${measure.name}_by_${x.name}_${choice.period}`,
      book: this.book(choice, "", x.name, series?.name),
      title: titled(chart, measure, lower(declared(x.title)), series),
      columns: [x, series, ...chart.columns.map((name) => this.by[name])].filter(Boolean).map(inTable),
      rows,
      measure: measured(measure),
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
    const marked = (row) => mark(row, { x, y: measure, series, band: chart.band?.map((name) => by[name]) });
    const map = chart.place && found.filter((row) => chart.place.every((name) => row[name] !== null));
    const top = found.slice(0, series || x.role === "time" ? undefined : MOST_RANKED);
    return {
      name: `${measure.name}_by_${x.name}_${monthly ? monthly[0].at : "all"}`,
      title: chart.title ? declared(chart.title) : declared(this.declaration.titles[chart.kpi]),
      note: filtered && whole ? "" : say("wider", { period: of }),
      columns: [x, series, ...[...chart.columns, ...(chart.band ?? [])].map((name) => by[name])].filter(Boolean).map(inTable),
      rows: top,
      measure: map ? "" : measured(measure),
      form: map ? "map" : chart.band ? "band" : x.role !== "time" ? (series ? "grid" : "bars") : measure.role === "sum" ? "time" : "lines",
      values: map ? map.map((row) => ({ ...marked(row), x: row[chart.place[0]], y: row[chart.place[1]] })) : chart.drawn ? top.map(marked) : [],
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

/** The change of a number since an earlier period: in percent, of a percentage in points. */
function changed(column, now, { name, sums }) {
  const [one, before] = [now[column.name], sums[column.name]].map((value) => (value === null ? NaN : Number(value)));
  const change = column.type === "percent" ? one - before : (100 * (one - before)) / before;
  if (!Number.isFinite(change)) return say("changed", { change: say("none"), name });
  const rounded = Math.round(change * 10) / 10;
  const text = column.type === "percent" ? say("points", { count: number(rounded) }) : percent(rounded, 1);
  return say("changed", { change: (rounded > 0 ? "▲ +" : rounded < 0 ? "▼ " : "= ") + text, name });
}

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

/** The largest first, where bars are drawn. */
const ranked = (rows, measure, series) => (series ? rows : [...rows].sort((one, other) => Number(other[measure.name]) - Number(one[measure.name])));
