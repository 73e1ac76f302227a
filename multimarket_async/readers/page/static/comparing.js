// Numbers of two periods compared, and rankings.

import { heading, shown } from "./cells.js";
import { lower, number, percent, say } from "./words.js";

/** The change of a number since an earlier period: in percent, of a percentage in points. */
export function changed(column, sums, { name, now, sums: before, begun }) {
  const value = (now ?? sums)[column.name];
  if (begun && column.role === "sum") return say("so_far", { share: percent(Math.round(difference(column, value, before[column.name]) + 100), 0), name });
  return say("changed", { change: inWords(column, difference(column, value, before[column.name])), name });
}

/** In percent, of a percentage in points; NaN where one of both is not known. */
export function difference(column, value, before) {
  const [later, earlier] = [value, before].map((each) => (each === null || each === undefined ? NaN : Number(each)));
  const change = column.type === "percent" ? later - earlier : (100 * (later - earlier)) / Math.abs(earlier);
  return Number.isFinite(change) ? Math.round(change * 10) / 10 : NaN;
}

export function inWords(column, change) {
  if (Number.isNaN(change)) return say("none");
  const text = column.type === "percent" ? say("points", { count: number(change) }) : percent(change, 1);
  return (change > 0 ? "▲ +" : change < 0 ? "▼ " : "= ") + text;
}

/** The first and the last of a ranking, and what lost most. */
export function best(x, rows, measure, change = () => NaN) {
  if (rows.length < 2) return "";
  const ordered = ranked(rows, measure);
  const named = (row) => `${shown(x, row[x.name])} (${shown(measure, row[measure.name])})`;
  const [lost] = rows.filter((row) => change(row) < 0).sort((one, other) => change(one) - change(other));
  const losing = lost ? [say("lost_most", { name: `${shown(x, lost[x.name])} (${inWords(measure, change(lost))})` })] : [];
  return say("with", { name: `${heading(x)}, ${lower(heading(measure))}`, text: [say("best", { name: named(ordered[0]) }), say("worst", { count: number(rows.length), name: named(ordered.at(-1)) }), ...losing].join(" · ") });
}

/** The largest first, where bars are drawn. */
export const ranked = (rows, measure, series) => (series ? rows : [...rows].sort((one, other) => Number(other[measure.name]) - Number(one[measure.name])));
