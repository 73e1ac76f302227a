// Periods as text: 2026, 2026-Q2, 2026-05, 2026-W20 or 2026-05-12, and the rows that are in them.

import { local } from "./words.js";

/** The first and the last day, inclusive, of a period. */
export function days(period) {
  const [year, part, day] = period.split("-");
  if (day) return { from: period, to: period };
  if (part?.[0] === "W") return weekDays(year, Number(part.slice(1)));
  const [first, last] = !part ? [1, 12] : part[0] === "Q" ? [part[1] * 3 - 2, part[1] * 3] : [Number(part), Number(part)];
  return { from: iso(year, first, 1), to: iso(year, last + 1, 0) };
}

const iso = (year, month, day) => new Date(Date.UTC(year, month - 1, day)).toISOString().slice(0, 10);

/** The ISO week of a day. */
export function weekOf(day) {
  const thursday = shifted(mondayOf(day), 3);
  const week = 1 + Math.floor((Date.parse(thursday) - Date.parse(`${thursday.slice(0, 4)}-01-01`)) / DAY_MS / 7);
  return `${thursday.slice(0, 4)}-W${String(week).padStart(2, "0")}`;
}

function weekDays(year, week) {
  const from = shifted(mondayOf(`${year}-01-04`), 7 * (week - 1)); // 4 January is in the first week
  return { from, to: shifted(from, 6) };
}

export const mondayOf = (day) => shifted(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));

/** The period that a day belongs to, by the length of periods. */
export const PERIOD_OF = {
  year: (day) => day.slice(0, 4),
  quarter: (day) => `${day.slice(0, 4)}-Q${Math.ceil(day.slice(5, 7) / 3)}`,
  month: (day) => day.slice(0, 7),
  week: weekOf,
  day: (day) => day,
};

export const shifted = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
export const monthsBefore = (day, months) => iso(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - months, 1);
const MONTHS = { month: 1, quarter: 3, year: 12 };
const DAY_MS = 86_400_000;
const YEAR_OF_WEEKS = 364; // days: the same weekday

/** The same date so many months before, or the last one of a shorter month. */
function monthsEarlier(day, months) {
  const [year, month, date] = day.split("-").map(Number);
  const last = Number(iso(year, month - months + 1, 0).slice(8));
  return iso(year, month - months, Math.min(date, last));
}

/** Periods that move with the day that is today, as spans: up to this day, where it is in them. */
export const PRESETS = {
  today: (today) => ({ from: today, to: today, days: 7 }),
  yesterday: (today) => ({ from: shifted(today, -1), to: shifted(today, -1), days: 7 }),
  this_week: (today) => ({ from: mondayOf(today), to: today, days: 7 }),
  last_7: (today) => ({ from: shifted(today, -6), to: today, days: 7 }),
  last_30: (today) => ({ from: shifted(today, -29), to: today, days: 30 }),
  this_month: (today) => ({ from: iso(today.slice(0, 4), Number(today.slice(5, 7)), 1), to: today, months: 1 }),
  last_month: (today) => ({ ...days(monthsBefore(today, 1).slice(0, 7)), months: 1 }),
  this_year: (today) => ({ from: `${today.slice(0, 4)}-01-01`, to: today, months: 12 }),
};

const moved = ({ from, to, ...span }, move) => ({ ...span, from: move(from), to: move(to) });

/** A span without a last day that is not over; a span of this day alone stays, and so does a month, quarter or year. */
export const completed = (span, today) => (span.from < today && span.to === today && !(span.kind in MONTHS) ? { ...span, to: shifted(today, -1) } : span);

/** The spans that a chosen one is compared with: the one before it, and the same a year before. */
export function comparisons(span) {
  if (span.days) return [moved(span, (day) => shifted(day, -span.days)), moved(span, (day) => shifted(day, -YEAR_OF_WEEKS))];
  if (!span.months) return different([spanBefore(span), yearBefore(span)]);
  const whole = span.to === days(span.to.slice(0, 7)).to;
  const end = (day, months) => (whole ? days(monthsEarlier(day, months).slice(0, 7)).to : monthsEarlier(day, months));
  return different([span.months, 12].map((months) => ({ ...span, from: monthsEarlier(span.from, months), to: end(span.to, months) })));
}

const different = ([before, year]) => (before.from === year.from && before.to === year.to ? [before] : [before, year]);

/** A day of an earlier span at the same place of a later one. */
export function aligned(day, earlier, later) {
  const across = (Number(later.from.slice(0, 4)) - Number(earlier.from.slice(0, 4))) * 12 + Number(later.from.slice(5, 7)) - Number(earlier.from.slice(5, 7));
  const byMonth = earlier.months || earlier.kind in MONTHS;
  return byMonth ? monthsEarlier(day, -across) : shifted(day, Math.round((Date.parse(later.from) - Date.parse(earlier.from)) / DAY_MS));
}

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
}[kind] ?? (from === to ? from : `${from}_${to}`));

/** "year", "quarter", "month", "week" or "day", whichever the period is. */
export const grainOf = (period) => (period.includes("W") ? "week" : period.includes("Q") ? "quarter" : { 4: "year", 7: "month" }[period.length] ?? "day");

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
