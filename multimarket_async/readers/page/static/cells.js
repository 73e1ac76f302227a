// Values of columns, by their type and role: shown to people, drawn, and added up.

import { amount, decimal, declared, moment, number, percent, period, say, sentence } from "./words.js";

export const named = (columns) => Object.fromEntries(columns.map((column) => [column.name, column]));

const COUNTED = ["integer", "money"];
const NUMBERS = [...COUNTED, "double", "percent"];

/** A quantity, not a name, a period or the like. */
export const numeric = ({ type, role }) => NUMBERS.includes(type) && role !== "key" && role !== "time";

/** The columns of tables for people. */
export const forPeople = ({ hidden, exact }) => !hidden && !exact;

export const isText = (value) => typeof value === "string";

/** Its title, with its unit where the numbers do not say it. */
export const heading = ({ title, unit, type }) =>
  declared(title) + (unit && type !== "money" && type !== "percent" ? ` (${declared(unit)})` : "");

/** What a chart shows: title and unit, where they differ. */
export const measured = ({ title, unit }) => declared(title) + (unit && declared(unit).toLowerCase() !== declared(title).toLowerCase() ? ` (${declared(unit)})` : "");

/** A value as text for people. */
export function shown(column, value) {
  if (!isKnown(value)) return say("none");
  const label = column.labels.find(([labelled]) => labelled === value);
  if (label) return declared(label[1]);
  if (column.type === "boolean") return say(value ? "yes" : "no");
  if (column.sentences) return sentence(String(value));
  if (column.role === "time") return isText(value) && column.type === "string" ? period(value) : moment(value);
  return numeric(column) ? quantity(column, value) : String(value);
}

function quantity({ type, unit, digits }, value) {
  if (type === "money") return amount(units(value, digits), unit, digits);
  if (type === "percent") return percent(value);
  return type === "integer" ? number(value) : decimal(value);
}

/** Minor units as a decimal text in whole units: exact, whatever their size. */
export function units(minor, digits) {
  const text = String(minor).replace("-", "").padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return (minor < 0 ? "-" : "") + whole + (digits ? `.${text.slice(-digits)}` : "");
}

/** A number for a chart: amounts in whole units. */
export const drawn = ({ type, digits }, value) => (value === null ? null : Number(type === "money" ? units(value, digits) : value));

/** The rows that are no totals of the others. */
export const single = (columns, rows) => {
  const totals = columns.filter(({ total: all }) => all);
  return rows.filter((row) => totals.every(({ name, total: all }) => row[name] !== all));
};

/** Sums and ratios of rows; integers are exact, ratios are those of the sums. */
export function total(columns, rows) {
  const sums = {};
  for (const column of columns.filter(({ role }) => role === "sum")) {
    sums[column.name] = COUNTED.includes(column.type) ? exact(rows, column.name) : rows.reduce((sum, row) => sum + (row[column.name] ?? 0), 0);
  }
  const by = named(columns);
  const ratios = columns.filter(({ role, of }) => role === "ratio" && of.every((name) => name in sums));
  return { ...sums, ...Object.fromEntries(ratios.map((column) => [column.name, ratio(column, by, sums)])) };
}

function exact(rows, name) {
  const sum = rows.reduce((before, row) => before + BigInt(row[name] ?? 0), 0n);
  return Number.isSafeInteger(Number(sum)) ? Number(sum) : sum;
}

/** Rounded half-up as the published ones: money to its minor unit, else to hundredths; null over nothing. */
function ratio({ type, digits, of }, by, sums) {
  const [numerator, denominator] = of.map((name) => sums[name]);
  if (!Number(denominator)) return null;
  const scale = (name) => (by[name].type === "money" ? 10 ** by[name].digits : 1);
  const factor = (type === "percent" ? 100 : 1) * (type === "money" ? 10 ** digits : 100);
  const whole = of.every((name) => COUNTED.includes(by[name].type));
  const rounded = whole
    ? halfUp(BigInt(numerator) * BigInt(factor * scale(of[1])), BigInt(denominator) * BigInt(scale(of[0])))
    : Math.floor((numerator * factor * scale(of[1])) / (denominator * scale(of[0])) + 0.5);
  return type === "money" ? rounded : rounded / 100;
}

/** a / b to the nearest integer, halves up; of BigInts. */
function halfUp(a, b) {
  const [n, d] = [2n * a + b, 2n * b];
  const down = n / d;
  return Number(n % d !== 0n && n < 0n !== d < 0n ? down - 1n : down);
}

/** Totals of groups by these columns, each with its values of them, sorted by these. */
export function grouped(columns, rows, by) {
  const groups = new Map();
  for (const row of rows) {
    const key = JSON.stringify(by.map((name) => row[name]));
    groups.has(key) ? groups.get(key).push(row) : groups.set(key, [row]);
  }
  const found = [...groups.values()].map((members) => ({ ...Object.fromEntries(by.map((name) => [name, members[0][name]])), ...total(columns, members) }));
  return found.sort((one, other) => compared(by.map((name) => one[name]), by.map((name) => other[name])));
}

function compared(one, other) {
  const place = one.findIndex((value, index) => value !== other[index]);
  if (place < 0) return 0;
  return one[place] < other[place] ? -1 : 1;
}

/** A column of a card's table; in its CSV amounts are in whole units, and are not called minor. */
export const inTable = (column) => ({
  name: column.type === "money" ? column.name.replace(/_minor$/, "") : column.name, title: heading(column), numeric: numeric(column),
  value: ({ [column.name]: value }) => (column.type === "money" && isKnown(value) ? units(value, column.digits) : value),
  shown: (row) => shown(column, row[column.name]),
});

const isKnown = (value) => value !== null && value !== undefined;

/** A mark of a chart: text where it stands for a name, a number where it can be sorted. */
export function mark(row, { x, y, series, band = [] }) {
  const names = [x, series].filter(Boolean).map((column) => shown(column, row[column.name]));
  const across = row[x.name];
  const [low, high] = band.map((column) => drawn(column, row[column.name]));
  const around = band.length && isKnown(low) ? `\n${band.map((column) => shown(column, row[column.name])).join(" – ")}` : "";
  return {
    x: x.role === "time" || (typeof across === "number" && !x.labels.length) ? across : names[0],
    y: drawn(y, row[y.name]), series: series && names[1], tip: `${names.join(", ")}\n${shown(y, row[y.name])}${around}`, low, high,
  };
}
