// A card for each other KPI, from its declaration: a new one appears here without a change.

import { Card } from "./card.js";
import { byId, element } from "./elements.js";
import { COVERED } from "./figures.js";
import { amount, decimal, declared, money, number, percent, period, say, title, weekday } from "./words.js";

const cards = new Map();

/** kpis: of /api/kpis. rows and drawings: by KPI. Headlines come first. */
export function showMore(kpis, rows, drawings) {
  const others = kpis.filter(({ name }) => !COVERED.has(name));
  others.sort((one, other) => other.headline - one.headline);
  for (const kpi of others.filter(({ name }) => rows[name]?.length || cards.has(name))) {
    if (!cards.has(kpi.name)) cards.set(kpi.name, card(kpi.name));
    cards.get(kpi.name).show(content(kpi, rows[kpi.name], drawings[kpi.name]));
  }
}

function card(name) {
  const host = element("article", { class: "card", id: `kpi-${name}` });
  byId("more").append(host);
  return new Card(host);
}

function content(kpi, rows, drawing) {
  const columns = kpi.columns
    .filter((column) => column.type !== "date" && !column.name.endsWith("_minor"))
    .map((column) => ({
      name: column.name,
      title: declared(column.title) + (named(column) ? ` (${declared(column.unit)})` : ""),
      numeric: column.type !== "string" && column.name !== "weekday",
      value: (row) => row[column.name],
      shown: (row) => (ofTime(drawing, column.name) ? period(row[column.name]) : shown(column, row)),
    }));
  const by = Object.fromEntries(kpi.columns.map((column) => [column.name, column]));
  return {
    name: kpi.name, title: declared(kpi.title), note: declared(kpi.definition, kpi.name), error: kpi.error, columns, rows,
    form: drawing?.kind, values: drawing ? rows.map((row) => datum(by, drawing, row)) : [],
  };
}

const ofTime = (drawing, name) => drawing?.kind === "time" && drawing.x === name;
const currency = (unit) => /^[A-Z]{3}$/.test(unit);
const named = ({ unit }) => unit && unit !== "%" && !currency(unit);

/** A cell for people; amounts from their exact minor units, where the row has these. */
function shown(column, row) {
  const value = row[column.name];
  if (value === null || value === undefined) return say("none");
  if (column.name === "weekday") return weekday(value);
  if (column.type === "integer") return number(value);
  if (column.type === "double") return measure(column, row);
  return column.name === "channel" ? title(value) : value;
}

function measure({ name, unit }, row) {
  if (unit === "%") return percent(row[name]);
  if (!currency(unit)) return decimal(row[name]);
  return `${name}_minor` in row ? money(row[`${name}_minor`], unit) : amount(row[name], unit);
}

function datum(columns, { x, y, series, kind }, row) {
  const time = ofTime({ x, kind }, x);
  const [where, which] = [time ? period(row[x]) : shown(columns[x], row), series && shown(columns[series], row)];
  const tip = `${[where, which].filter(Boolean).join(", ")}\n${shown(columns[y], row)}`;
  return { x: time || typeof row[x] === "number" ? row[x] : where, y: row[y], series: which, tip };
}
