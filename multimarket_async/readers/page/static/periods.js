// Periods as text: 2026, 2026-Q2, 2026-05 or 2026-05-12, and the rows that are in them.

import { local } from "./words.js";

/** The first and the last day, inclusive, of a period. */
export function days(period) {
  const [year, part, day] = period.split("-");
  if (day) return { from: period, to: period };
  const [first, last] = !part ? [1, 12] : part[0] === "Q" ? [part[1] * 3 - 2, part[1] * 3] : [Number(part), Number(part)];
  return { from: iso(year, first, 1), to: iso(year, last + 1, 0) };
}

const iso = (year, month, day) => new Date(Date.UTC(year, month - 1, day)).toISOString().slice(0, 10);

const shifted = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
const monthsBefore = (day, months) => iso(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - months, 1);
const MONTHS = { month: 1, quarter: 3, year: 12 };
const DAY_MS = 86_400_000;

/** The span of the same kind before a chosen one: the month, quarter or year before, or as many days. */
export function spanBefore({ kind, from, to }) {
  if (kind in MONTHS) return { kind, from: monthsBefore(from, MONTHS[kind]), to: shifted(from, -1) };
  const length = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return { kind, from: shifted(from, -length), to: shifted(from, -1) };
}

/** The same span a year before; of a 29 February the day before. */
export function yearBefore({ kind, from, to }) {
  const earlier = (day) => {
    const [year, month, date] = day.split("-").map(Number);
    const last = Number(iso(year - 1, month + 1, 0).slice(8));
    const ends = kind in MONTHS && day === to;
    return iso(year - 1, month, ends ? last : Math.min(date, last));
  };
  return { kind, from: earlier(from), to: earlier(to) };
}

/** A span as the text of its period, where it is one. */
export const spanName = ({ kind, from, to }) => ({
  year: from.slice(0, 4), quarter: `${from.slice(0, 4)}-Q${Math.ceil(from.slice(5, 7) / 3)}`, month: from.slice(0, 7), day: from,
}[kind] ?? `${from}_${to}`);

/** "year", "quarter", "month" or "day", whichever the period is. */
export const grainOf = (period) => (period.includes("Q") ? "quarter" : { 4: "year", 7: "month" }[period.length] ?? "day");

/** A row's period as text; an instant is a day in the business time zone. */
export const periodOf = (column, row) => (column.type === "date" ? local(row[column.name]) : row[column.name]);

/** The row's values with `at`, its period. */
export const dated = (rows, column) => rows.map((row) => ({ ...row, at: periodOf(column, row) }));

/**
 * The rows between two days: those of periods that are in them as a whole, and of others the finer ones.
 *
 * A period of which not everything is in the finer rows is taken whole, and `widened` is then the first one that is
 * kept by finer times. `finer` is [] where there are none; both have `at`; `count` is a sum that both have.
 */
export function within({ from, to }, rows, finer, count) {
  const kept = keptFiner(rows, finer, count);
  const found = [];
  let widened = false;
  for (const at of new Set(rows.map((row) => row.at))) {
    const span = days(at);
    if (span.to < from || span.from > to) continue;
    const whole = from <= span.from && span.to <= to;
    widened ||= !whole && !kept.has(at);
    const between = (row) => inside(span, row) && inside({ from, to }, row);
    found.push(...(whole || !kept.has(at) ? rows.filter((row) => row.at === at) : finer.filter(between)));
  }
  return { rows: found, widened: widened && ([...kept].sort()[0] ?? "") };
}

export const inside = ({ from, to }, { at }) => from <= days(at).from && days(at).to <= to;

const remembered = new WeakMap(); // by the finer rows: thousands, and the same for every choice

/** The periods all of whose rows are among the finer ones. */
export function keptFiner(rows, finer, count) {
  const before = remembered.get(finer);
  if (before?.rows !== rows || before.count !== count) remembered.set(finer, { rows, count, kept: kept(rows, finer, count) });
  return remembered.get(finer).kept;
}

function kept(rows, finer, count) {
  const left = new Map();
  for (const row of rows) left.set(row.at, (left.get(row.at) ?? 0) + row[count]);
  const spans = [...left.keys()].map((at) => [at, days(at)]);
  const parents = new Map();
  for (const row of finer) {
    if (!parents.has(row.at)) parents.set(row.at, spans.find(([, span]) => inside(span, row))?.[0]);
    const parent = parents.get(row.at);
    if (parent) left.set(parent, left.get(parent) - row[count]);
  }
  return new Set(finer.length ? [...left].filter(([, count]) => count === 0).map(([at]) => at) : []);
}
