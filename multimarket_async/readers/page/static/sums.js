// The published rows of a period and some channels, and their sums. Money is in integers of minor units.

/** The first and the last day, inclusive, of "2026", "2026-Q2", "2026-05" or "2026-05-12". */
export function days(period) {
  const [year, part, day] = period.split("-");
  if (day) return { from: period, to: period };
  const [first, last] = !part ? [1, 12] : part[0] === "Q" ? [part[1] * 3 - 2, part[1] * 3] : [Number(part), Number(part)];
  return { from: iso(year, first, 1), to: iso(year, last + 1, 0) };
}

const iso = (year, month, day) => new Date(Date.UTC(year, month - 1, day)).toISOString().slice(0, 10);

/**
 * The rows between two days, by month where a month is whole, else by day.
 *
 * Days are kept for the latest months only: a month that has no days any more is taken whole, and `widened` is then
 * the first day of which there are numbers by day.
 */
export function within({ from, to }, months, byDay) {
  const kept = daysKept(months, byDay);
  const rows = [];
  let widened = false;
  for (const month of new Set(months.map((row) => row.month))) {
    const span = days(month);
    if (span.to < from || span.from > to) continue;
    const whole = from <= span.from && span.to <= to;
    widened ||= !whole && !kept.has(month);
    rows.push(...(whole || !kept.has(month) ? months.filter((row) => row.month === month) : between(byDay, from, to, month)));
  }
  return { rows, widened: widened && [...kept].sort()[0] };
}

const between = (byDay, from, to, month) =>
  byDay.filter(({ day }) => day.startsWith(month) && from <= day && day <= to);

/** The months all of whose orders are in the rows by day too. */
export function daysKept(months, byDay) {
  const left = new Map();
  for (const { month, orders } of months) left.set(month, (left.get(month) ?? 0) + orders);
  for (const { day, orders } of byDay) left.set(day.slice(0, 7), left.get(day.slice(0, 7)) - orders);
  return new Set([...left].filter(([, orders]) => orders === 0).map(([month]) => month));
}

const NOTHING = { orders: 0, cancelled_orders: 0, revenue_minor: 0 };

/** Orders, cancelled orders and revenue of rows, and what is computed from them: null where there is nothing. */
export function total(rows) {
  const sums = { ...NOTHING };
  for (const row of rows) for (const name in sums) sums[name] += row[name];
  const kept = sums.orders - sums.cancelled_orders;
  return {
    ...sums,
    average_minor: halfUp(sums.revenue_minor, kept),
    cancellation_hundredths: halfUp(sums.cancelled_orders * 10_000, sums.orders),
  };
}

/** a / b to the nearest integer, halves up, as the KPIs are rounded; null over nothing. */
export function halfUp(a, b) {
  return b ? Number((2n * BigInt(a) + BigInt(b)) / (2n * BigInt(b))) : null;
}

/** Totals of groups, in the order of their keys. */
export function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, members]) => ({ name, ...total(members) }));
}
