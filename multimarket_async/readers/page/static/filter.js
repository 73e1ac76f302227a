// The period and the values that the reader has chosen in a part of the page.

import { heading, shown } from "./cells.js";
import { element, tell } from "./elements.js";
import { days, grainOf } from "./periods.js";
import { local, period as inWords, say } from "./words.js";

const PERIOD_OF = {
  year: (day) => day.slice(0, 4),
  quarter: (day) => `${day.slice(0, 4)}-Q${Math.ceil(day.slice(5, 7) / 3)}`,
  month: (day) => day.slice(0, 7),
};
const KINDS_OF = { year: ["year"], quarter: ["year", "quarter"], month: ["year", "quarter", "month"], day: ["year", "quarter", "month", "day", "range"] };
const MOST_BOXES = 12;

export class Filters {
  /** id: prefix of the ids of its elements. columns: the keys of which values are chosen. Calls `changed`. */
  constructor(id, columns, changed) {
    this.columns = columns;
    this.times = [];
    this.fields = Object.fromEntries(["period", "which", "from", "to"].map((name) => [name, this.field(id, name)]));
    this.keys = columns.map((column) => ({ column, values: [], ...keyField(`${id}-filter-${column.name}`) }));
    this.reset = element("button", { type: "reset" });
    const labels = Object.values(this.fields).map(({ label }) => label);
    this.form = element("form", { class: "filters", id: `${id}-filters` }, ...labels, ...this.keys.map(({ host }) => host), this.reset);
    this.name = id.replace(/^part-/, "");
    this.asked = new URLSearchParams(location.search); // what the address asks for, until there are rows
    const again = () => { this.offer(); this.remember(); changed(); };
    this.form.addEventListener("input", again);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("reset", () => setTimeout(again));
  }

  field(id, name) {
    const word = element("span");
    const input = ["from", "to"].includes(name) ? element("input", { type: "date", id: `${id}-${name}` }) : element("select", { id: `${id}-${name}` });
    return { word, input, label: element("label", {}, word, " ", input) };
  }

  /** Offer the periods and values of these rows, with `at`, and keep the choice. byDay: days can be chosen. */
  offer(rows, byDay) {
    if (rows) {
      this.times = [...new Set(rows.map(({ at }) => at))].sort().reverse();
      this.grain = byDay ? "day" : this.times.length ? grainOf(this.times[0]) : "year";
      for (const key of this.keys) key.values = [...new Set(rows.map((row) => row[key.column.name]))].sort();
    }
    if (rows?.length && this.asked) this.restore();
    this.form.setAttribute("aria-label", say("filters"));
    tell(this.reset, say("reset"));
    this.periods();
    for (const key of this.keys) offerKey(key);
  }

  /** The choice of the address: ?<part>.period=month&<part>.which=2026-05&<part>.<key>=<value>&... */
  restore() {
    const asked = this.asked;
    this.asked = undefined;
    for (const name of ["period", "which", "from", "to"]) {
      this.periods();
      const { input } = this.fields[name];
      const value = asked.get(`${this.name}.${name}`);
      if (value !== null) input.value = value;
      if (input.value === "" && input.options?.length) input.selectedIndex = 0; // none of those there are
    }
    for (const key of this.keys) {
      const values = asked.getAll(`${this.name}.${key.column.name}`);
      if (values.length) restoreKey(key, values);
    }
  }

  /** Keep the choice in the address, so that it can be sent to somebody; other parts keep theirs. */
  remember() {
    const search = new URLSearchParams(location.search);
    for (const name of [...search.keys()]) if (name.startsWith(`${this.name}.`)) search.delete(name);
    const kind = this.fields.period.input.value;
    if (kind && kind !== "all") {
      for (const [name, { input, label }] of Object.entries(this.fields)) if (!label.hidden) search.set(`${this.name}.${name}`, input.value);
    }
    for (const key of this.keys) {
      const some = picked(key);
      if (some.length < key.values.length) for (const value of some.length ? some : [""]) search.append(`${this.name}.${key.column.name}`, value);
    }
    history.replaceState(null, "", search.size ? `?${search}` : location.pathname);
  }

  periods() {
    const { period, which, from, to } = this.fields;
    options(period.input, ["all", ...(KINDS_OF[this.grain] ?? [])].map((kind) => [kind, say(kind)]));
    const kind = period.input.value;
    const ofKind = PERIOD_OF[kind];
    const starts = this.times.map((at) => days(at).from);
    options(which.input, ofKind ? [...new Set(starts.map(ofKind))].map((name) => [name, inWords(name)]) : []);
    which.label.hidden = !ofKind;
    from.label.hidden = kind !== "day" && kind !== "range";
    to.label.hidden = kind !== "range";
    for (const name of ["period", "which", "to"]) tell(this.fields[name].word, say(name));
    tell(from.word, say(kind === "day" ? "day" : "from"));
    this.bound();
    if (kind === "day" && this.kind !== "day") this.today();
    this.kind = kind;
  }

  /** What a reader who asks for a day sees first. */
  today() {
    const { min, max } = this.fields.from.input;
    const today = local(new Date());
    if (min <= today && today <= max) this.fields.from.input.value = today;
  }

  bound() {
    if (!this.times.length) return;
    const [first, last] = [days(this.times.at(-1)).from, days(this.times[0]).to];
    for (const name of ["from", "to"]) {
      Object.assign(this.fields[name].input, { min: first, max: last });
      this.fields[name].input.value ||= name === "from" ? days(this.times[0]).from : last;
    }
  }

  /** {name, kind, period, from, to, every, accepts(row), words, query}; `every`: all values are chosen; `query`: else these. */
  chosen() {
    const kind = this.fields.period.input.value || "all";
    const keys = this.keys.map((key) => ({ ...key, picked: picked(key) }));
    return {
      kind, ...this.span(kind),
      every: keys.every(({ values, picked: { length } }) => length === values.length),
      accepts: (row) => keys.every(({ column, picked: values }) => !(column.name in row) || values.includes(row[column.name])),
      words: keys.map(inScope),
      query: keys.flatMap(({ column, values, picked: some }) => (some.length === values.length ? [] : some.map((value) => [column.name, value]))),
    };
  }

  span(kind) {
    const [which, from, to] = ["which", "from", "to"].map((name) => this.fields[name].input.value);
    if (kind === "day" && from) return { ...days(from), period: from, name: inWords(from) };
    if (kind === "range" && from && to) return { from, to, period: `${from}_${to}`, name: `${inWords(from)} – ${inWords(to)}` };
    if (PERIOD_OF[kind] && which) return { ...days(which), period: which, name: inWords(which) };
    return { from: "0000", to: "9999", period: "all", name: say("all") };
  }
}

function inScope({ column, values, picked: some }) {
  const title = heading(column);
  if (some.length === values.length) return say("every_value", { title });
  return say("some_values", { title, values: some.map((value) => shown(column, value)).join(", ") || say("no_value") });
}

/** Check boxes for few values, a list for many. */
function keyField(id) {
  const [legend, boxes, select] = [element("legend"), element("span", { class: "boxes" }), element("select", { id, hidden: true })];
  return { legend, boxes, select, host: element("fieldset", {}, legend, boxes, select) };
}

function offerKey({ column, values, legend, boxes, select }) {
  tell(legend, heading(column));
  select.setAttribute("aria-label", heading(column));
  const many = values.length > MOST_BOXES;
  select.hidden = !many;
  boxes.hidden = many;
  if (many) {
    options(select, [["", say("every")], ...values.map((value, place) => [String(place), shown(column, value)])]);
    return;
  }
  const here = [...boxes.querySelectorAll("input")].map((input) => input.value);
  for (const value of values.filter((each) => !here.includes(JSON.stringify(each)))) {
    const input = element("input", { type: "checkbox", value: JSON.stringify(value), checked: true });
    boxes.append(element("label", {}, input, element("span")));
  }
  for (const label of boxes.children) tell(label.lastChild, shown(column, JSON.parse(label.firstChild.value)));
}

function restoreKey(key, values) {
  offerKey(key);
  key.select.value = String(key.values.findIndex((value) => values.includes(String(value))));
  if (key.select.value === "") key.select.selectedIndex = 0;
  for (const input of key.boxes.querySelectorAll("input")) input.checked = values.includes(String(JSON.parse(input.value)));
}

function picked({ values, boxes, select }) {
  if (!select.hidden) return select.value ? [values[Number(select.value)]] : values;
  const checked = [...boxes.querySelectorAll("input:checked")].map((input) => input.value);
  return values.filter((value) => checked.includes(JSON.stringify(value)));
}

function options(select, pairs) {
  const text = JSON.stringify(pairs);
  if (select.dataset.options === text) return;
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value, text: label })));
  select.dataset.options = text;
  if (pairs.some(([value]) => value === before)) select.value = before;
}
