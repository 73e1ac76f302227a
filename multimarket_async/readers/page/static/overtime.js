// Rows of the chosen period over its times: as bars or lines, with the period that they are compared with.

import { drawn, grouped, heading, inTable, mark, measured, shown } from "./cells.js";
import { aligned, days, grainOf, inside, keptFiner, PERIOD_OF, shifted } from "./periods.js";
import { declared, hourOf, instant, lower, period, say, upper } from "./words.js";

const MOST_DAYS = 62;
const HOUR_MS = 3_600_000;

/** Rows by times, and by a series where the chart has one. */
export function overTime(part, chart, choice, selected) {
  const { rows, grain } = times(part, choice, selected);
  const pick = grain === "hour" ? undefined : part.picksTime(grain);
  const at = { ...part.by[chart.x], name: "at", type: "string", title: "" };
  const by = { ...part.by, at };
  const found = grouped(part.columns, rows, ["at", chart.series].filter(Boolean));
  const columns = [at, chart.series, ...chart.columns].filter(Boolean).map((column) => by[column] ?? column);
  const measure = part.by[chart.columns[0]];
  const head = { name: grain, title: say("period_column") };
  const against = part.against(choice);
  if (chart.together) {
    const before = against && grouped(part.columns, atGrain(part, against.span, against.rows, choice, grain), ["at"])
      .map((row) => ({ ...row, x: atTheSame(grain, row.at, against.span, choice) }));
    return { ...together(part, chart, found, at, head, columns, part.book(choice, grain), choice.period, before, against?.name), across: upper(say(`grain_${grain}`)) };
  }
  return {
    book: part.book(choice, grain, chart.series),
    name: `${measure.name}_${choice.period}`,
    title: titled(chart, measure, say(`grain_${grain}`), part.by[chart.series]),
    columns: columns.map((column) => (column === at ? { ...inTable(at), ...head, pick } : inTable(column))),
    rows: found,
    measure: measured(measure),
    across: upper(say(`grain_${grain}`)),
    form: measure.role === "sum" ? "time" : "lines",
    ...withBefore(part, choice, grain, measure, found.map((row) => ({ ...mark(row, { x: at, y: measure, series: part.by[chart.series] }), picks: pick?.(row) }))),
  };
}

/** The marks with those of the span that they are compared with, at the times of these. */
function withBefore(part, choice, grain, measure, values) {
  const against = part.against(choice);
  if (!against) return { values };
  const rows = grouped(part.columns, atGrain(part, against.span, against.rows, choice, grain), ["at"]);
  const found = grain === "hour" && measure.role === "sum" ? everyHourOf(against.span, rows, measure) : rows;
  const before = found.map((row) => ({
    x: atTheSame(grain, row.at, against.span, choice), before: drawn(measure, row[measure.name]),
    tip: `${period(row.at)}\n${shown(measure, row[measure.name])}`,
  }));
  return { values: [...values, ...before], note: say("dashed", { name: against.name }) };
}

/** Those of all hours, also of those without rows. */
function everyHourOf({ from, to }, rows, measure) {
  const by = new Map(rows.map((row) => [row.at, row]));
  const first = Date.parse(instant(from));
  const hours = Array.from({ length: Math.round((Date.parse(instant(shifted(to, 1))) - first) / HOUR_MS) }, (_, hour) => hourOf(first + hour * HOUR_MS));
  return rows.length ? hours.map((at) => by.get(at) ?? { at, [measure.name]: 0 }) : [];
}

/** The time of an earlier span at the same place of a later one. */
function atTheSame(grain, at, earlier, later) {
  const day = aligned(days(at.slice(0, 10)).from, earlier, later);
  return grain === "hour" ? hourOf(instant(day + at.slice(10, 16))) : PERIOD_OF[grain](day);
}

/** Rows of a span by periods of this length. */
function atGrain(part, span, rows, choice, grain) {
  if (grain === "hour") return (part.hours(span) ?? []).filter(choice.accepts);
  const daily = part.finer.filter((row) => inside(span, row) && choice.accepts(row));
  const found = ["day", "week"].includes(grain) && daily.length ? daily : rows;
  return found.map((row) => ({ ...row, at: PERIOD_OF[grain](days(row.at).from) }));
}

/** Several measures over time or a key, `at`: lines, or where their units differ two lines with an axis each. */
export function together(part, chart, rows, at, head, columns, book, chosen, before = [], name = "") {
  const measures = chart.columns.map((name) => part.by[name]);
  const title = chart.title ? declared(chart.title) : measures.map((measure) => heading(measure)).join(", ");
  const alike = new Set(measures.map(({ unit }) => unit)).size === 1;
  const marks = measures.flatMap((measure) => rows.map((row) => ({
    ...mark(row, { x: at, y: measure }), series: measured(measure), tip: `${shown(at, row.at)}, ${heading(measure)}\n${shown(measure, row[measure.name])}`,
  })));
  const then = measures.flatMap((measure) => before.map((row) => ({
    x: row.x, before: drawn(measure, row[measure.name]), series: measured(measure), tip: `${shown(at, row.at)}, ${heading(measure)}\n${shown(measure, row[measure.name])}`,
  })));
  return {
    name: `${measures[0].name}_${chosen}`, title, rows, book, note: before.length ? say("dashed", { name }) : "",
    columns: columns.map((column) => (column === at ? { ...inTable(at), ...head } : inTable(column))),
    measure: alike ? declared(measures[0].unit) : "", form: alike ? "lines" : "pair", values: [...marks, ...then],
  };
}

/** The chosen rows by finer times where the period is short and these are kept; else as they are. Once a choice. */
function times(part, choice, selected) {
  if (part.timed?.choice !== choice) part.timed = { choice, ...timesOf(part, choice, selected) };
  return part.timed;
}

function timesOf(part, choice, selected) {
  const byHour = choice.grain === "hour" || (choice.grain === "auto" && choice.from === choice.to) ? part.hours(choice) : undefined;
  if (byHour) return { rows: byHour.filter(choice.accepts), grain: "hour" };
  const kept = keptFiner(part.rows, part.finer, part.count());
  const finer = part.finer.filter((row) => inside(choice, row) && choice.accepts(row));
  const dates = new Set(part.finer.map(({ at }) => at));
  const known = finer.length && selected.every(({ at }) => kept.has(at) || dates.has(at));
  const grained = choice.grain in PERIOD_OF && (known || !["day", "week"].includes(choice.grain));
  if (grained) return { rows: atGrain(part, choice, selected, choice, choice.grain), grain: choice.grain };
  const daily = known && new Set(finer.map(({ at }) => at)).size <= MOST_DAYS;
  const coarse = () => selected.map((row) => ({ ...row, at: whole(part, row.at) }));
  const rows = daily ? finer : coarse();
  return { rows, grain: rows.length ? grainOf(rows[0].at) : "month" };
}

function whole(part, at) {
  const day = { at };
  return part.periods.find((own) => own === at || inside(days(own), day)) ?? at;
}

export function titled({ title }, measure, by, series) {
  if (title) return declared(title);
  const facts = { measure: heading(measure), by, series: series && lower(declared(series.title)) };
  return say(series ? "by_both" : "by_one", facts);
}
