// Rows of the chosen period by keys, ranked or as a heat map; and those of another KPI.

import { drawn, grouped, heading, inTable, mark, measured, named, total } from "./cells.js";
import { best, difference, inWords, ranked } from "./comparing.js";
import { titled, together } from "./overtime.js";
import { dated, inside } from "./periods.js";
import { declared, lower, say } from "./words.js";

/** Totals by a key, or by two. */
export function compared(part, chart, choice, selected) {
  const [x, series, measure] = [chart.x, chart.series, chart.columns[0]].map((name) => part.by[name]);
  const rows = grouped(part.columns, selected, [chart.series, chart.x].filter(Boolean));
  const against = part.against(choice);
  if (chart.together) {
    const at = { ...x, name: "at" };
    const [found, columns] = [rows.map((row) => ({ ...row, at: row[x.name] })), [at, ...chart.columns.map((name) => part.by[name])]];
    const before = against && grouped(part.columns, against.rows, [x.name]).map((row) => ({ ...row, at: row[x.name], x: mark(row, { x: at, y: x }).x }));
    return { ...together(part, chart, found, at, { name: x.name, title: heading(x) }, columns, part.book(choice, "", x.name), choice.period, before, against?.name), across: heading(x) };
  }
  const byKeys = (all) => all && grouped(part.columns, all, [series, x].filter(Boolean).map(({ name }) => name));
  const before = byKeys(against?.rows);
  const ranks = ranking(part, [x, series, ...chart.columns.map((name) => part.by[name])], rows, measure, against && !against.begun && { rows: before, over: byKeys(against.over) ?? rows, name: against.name }, chart.drawn);
  return {
    name: `${measure.name}_by_${x.name}_${choice.period}`,
    book: part.book(choice, "", x.name, series?.name),
    title: titled(chart, measure, lower(declared(x.title)), series),
    ...ranks,
    ...axes(x, series, measure),
    form: series ? "grid" : "bars",
    values: chart.drawn ? marks(part, ranked(ranks.rows, measure, series), { x, y: measure, series }, before, against?.name) : [],
  };
}

/** Marks that are clicked on to filter, each with its value of before; those of a heat map with the change, its colour. */
function marks(part, rows, { x, y, series }, before = [], name = "") {
  const earlier = earlierOf(before, x, series, y);
  const pick = part.picks(x.name);
  return rows.map((row) => {
    const made = { ...mark(row, { x, y, series }), picks: pick?.(row) };
    if (!series) return { ...made, before: drawn(y, earlier(row) ?? null) ?? undefined };
    const change = difference(y, row[y.name], earlier(row));
    return Number.isNaN(change) ? { ...made, shade: 0 } : { ...made, change, shade: Math.min(Math.abs(change), 100), tip: `${made.tip}\n${say("changed", { change: inWords(y, change), name })}` };
  });
}

/** The value that a row had before. */
function earlierOf(before, x, series, measure) {
  const key = (row) => JSON.stringify([x, series].map((column) => column && row[column.name]));
  const known = new Map(before.map((row) => [key(row), row[measure.name]]));
  return (row) => known.get(key(row));
}

/** The table of a ranking: rows can be picked, and have their change where there are rows of before. over: those of the days that are over, which are compared. */
function ranking(part, [x, series, ...others], rows, measure, before, isDrawn) {
  const columns = [x, series, ...others].filter(Boolean);
  const listed = columns.map((column, place) => ({ ...inTable(column), pick: place ? undefined : part.picks(x.name) }));
  if (!before) return { columns: listed, rows, best: best(x, rows, measure) };
  const { name } = before;
  const [now, then] = [before.over, before.rows].map((known) => earlierOf(known, x, series, measure));
  const change = (row) => difference(measure, now(row) ?? 0, then(row));
  const column = { name: "change", title: say("change_on", { measure: heading(measure), name }), numeric: true, value: (row) => (Number.isNaN(change(row)) ? null : change(row)), shown: (row) => inWords(measure, change(row)) };
  return { columns: [...listed, column], rows, note: isDrawn ? say(series ? "shaded" : "marked", { name }) : "", best: best(x, rows, measure, change) };
}

/** Rows without numbers, for those of before that are no more. */
function gone(before, rows, { name }, columns) {
  const here = new Set(rows.map((row) => row[name]));
  return before.filter((row) => !here.has(row[name])).map((row) => ({ ...total(columns, []), [name]: row[name] }));
}

/** Names of the axes: bars have their keys at the side, a heat map its series. */
const axes = (x, series, measure) =>
  series ? { measure: heading(series), across: heading(x), legend: measured(measure) } : { measure: heading(x), across: measured(measure) };

/** Another KPI, which may lack the filters: for such a choice the card says so. */
export function elsewhere(part, chart, choice) {
  const daily = ofDays(part, chart, choice);
  const kpi = daily ? chart.by_day.kpis[0] : chart.kpi;
  const columns = part.of[kpi];
  const by = named(columns);
  const time = columns.find(({ role }) => role === "time");
  const rows = (daily ?? part.all[kpi] ?? []).filter(choice.accepts);
  const chosen = time && !daily ? dated(rows, time).filter((row) => inside(choice, row)) : rows;
  const filtered = part.filters.columns.every(({ name }) => name in by) || choice.every;
  const [x, series, measure] = [chart.x, chart.series, chart.columns[0]].map((name) => by[name]);
  const against = daily && part.against(choice);
  const before = against && ofDays(part, chart, against.span);
  const keys = [series, x].filter(Boolean).map(({ name }) => name);
  const parts = chosen.length === new Set(chosen.map((row) => JSON.stringify(keys.map((name) => row[name])))).size;
  const found = daily ? ranked([...chosen, ...gone(before ?? [], chosen, x, columns)], measure) : parts ? chosen : grouped(columns, chosen, keys);
  const marked = (row) => mark(row, { x, y: measure, series, band: chart.band?.map((name) => by[name]) });
  const map = chart.place && found.filter((row) => chart.place.every((name) => row[name] !== null));
  const over = before && (against.whole === choice ? daily : ofDays(part, chart, against.whole));
  const listed = [x, undefined, ...chart.columns.map((name) => by[name])];
  const ranks = x.role === "time" || series ? { rows: found } : ranking(part, listed, found, measure, over && !against.begun && { rows: before, over, name: against.name }, chart.drawn);
  return {
    name: `${measure.name}_by_${x.name}_${daily ? choice.period : "all"}`,
    title: chart.title ? declared(chart.title) : declared(part.declaration.titles[chart.kpi]),
    columns: [x, series, ...[...chart.columns, ...(chart.band ?? [])].map((name) => by[name])].filter(Boolean).map(inTable),
    ...ranks,
    note: [ranks.note, !(filtered && (daily || time || choice.kind === "all")) && say("wider", { period: daily ? choice.name : lower(say("all")) })].filter(Boolean).join(" "),
    ...(map ? { measure: heading(series) } : x.role === "time" ? { measure: measured(measure), across: heading(x) } : axes(x, series, measure)),
    form: map ? "map" : chart.band ? "band" : x.role !== "time" ? (series ? "grid" : "bars") : measure.role === "sum" ? "time" : "lines",
    values: map ? map.map((row) => ({ ...marked(row), x: row[chart.place[0]], y: row[chart.place[1]] })) : chart.drawn ? (ranks.columns ? marks(part, ranks.rows, { x, y: measure }, before) : found.map(marked)) : [],
  };
}

/** The sums over the days of a span; undefined where these are not kept, or have not come yet. */
function ofDays(part, { by_day: finer, x }, span) {
  const rows = finer && span.kind !== "all" ? part.detail.rows(finer, span, part.newest, x) : undefined;
  return rows && grouped(part.of[finer.kpis[0]], rows, [x]);
}
