// The period and the values that the reader has chosen in a part of the page.

import { heading, shown } from "./cells.js";
import { element, tell } from "./elements.js";
import { days, grainOf, PERIOD_OF, PRESETS } from "./periods.js";
import { asked } from "./views.js";
import { local, period as inWords, say } from "./words.js";

const OF_DAYS = ["today", "yesterday", "this_week", "last_7", "this_month", "last_month", "last_30", "this_year"];
const KINDS_OF = {
  year: ["year"], quarter: ["year", "quarter"], month: ["this_month", "last_month", "this_year", "year", "quarter", "month"],
  day: [...OF_DAYS, "year", "quarter", "month", "day", "range"],
};
const GRAINS = ["day", "week", "month", "quarter", "year"]; // shortest first
export const MOST_HOURLY_DAYS = 8; // of which hours are drawn
const STALE_DAYS = 8; // what ended longer ago is history: its last day stands for today
const FIELDS = ["period", "which", "from", "to", "grain", "against"];
const AT_FIRST = { period: "all", grain: "auto", against: "before" };
const MOST_BOXES = 12;

export class Filters {
  /** id: prefix of the ids of its elements. columns: the keys of which values are chosen. Calls `changed`. hourly: a few days can be drawn by hours. */
  constructor(id, columns, changed, hourly) {
    Object.assign(this, { columns, hourly });
    this.times = [];
    this.fields = Object.fromEntries(FIELDS.map((name) => [name, this.field(id, name)]));
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
    this.again = again;
    window.addEventListener("popstate", () => {
      this.asked = new URLSearchParams(location.search);
      this.restore();
      this.offer();
      changed();
    });
  }

  /** Choose a period, by its name or one of the presets. */
  choose(period) {
    const kind = period in PRESETS || period === "all" ? period : grainOf(period);
    this.fields.period.input.value = kind === "week" ? "range" : kind;
    this.offer();
    if (["year", "quarter", "month"].includes(kind)) this.fields.which.input.value = period;
    if (kind === "day" || kind === "week") Object.entries(days(period)).forEach(([end, day]) => { this.fields[end].input.value = day; });
    this.again();
  }

  /** Choose a value of a column alone, or all values if it already is. */
  only(name, value) {
    const key = this.keys.find(({ column }) => column.name === name);
    const alone = picked(key).length === 1 && picked(key)[0] === value;
    restoreKey(key, alone ? key.values.map(String) : [String(value)], alone);
    this.again();
  }

  field(id, name) {
    const word = element("span");
    const input = ["from", "to"].includes(name) ? element("input", { type: "date", id: `${id}-${name}` }) : element("select", { id: `${id}-${name}` });
    return { word, input, label: element("label", {}, word, " ", input) };
  }

  /** Offer the periods and values of these rows, with `at`, and keep the choice. byDay: days can be chosen. latest: the last day known. */
  offer(rows, byDay, latest) {
    if (rows) {
      this.latest = latest;
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
    for (const name of FIELDS) {
      this.periods();
      const { input } = this.fields[name];
      const value = asked.get(`${this.name}.${name}`) ?? AT_FIRST[name];
      if (value !== undefined) input.value = value;
      if (input.value === "" && input.options?.length) input.selectedIndex = 0; // none of those there are
    }
    for (const key of this.keys) {
      const values = asked.getAll(`${this.name}.${key.column.name}`);
      restoreKey(key, values.length ? values : key.values.map(String), !values.length);
    }
  }

  /** Keep the choice in the address, so that it can be sent to somebody; other parts keep theirs. */
  remember() {
    const search = new URLSearchParams(location.search);
    for (const name of [...search.keys()]) if (name.startsWith(`${this.name}.`)) search.delete(name);
    for (const [name, { input, label }] of Object.entries(this.fields)) {
      if (!label.hidden && input.value && input.value !== AT_FIRST[name]) search.set(`${this.name}.${name}`, input.value);
    }
    for (const key of this.keys) {
      const some = picked(key);
      if (some.length < key.values.length) for (const value of some.length ? some : [""]) search.append(`${this.name}.${key.column.name}`, value);
    }
    if (String(search) !== String(new URLSearchParams(location.search))) history.pushState(null, "", search.size ? `?${search}` : location.pathname);
  }

  periods() {
    const { period, which, from, to, grain, against } = this.fields;
    options(period.input, ["all", ...(KINDS_OF[this.grain] ?? [])].map((kind) => [kind, say(kind)]));
    const kind = period.input.value;
    const ofKind = ["year", "quarter", "month"].includes(kind) && PERIOD_OF[kind];
    const starts = this.times.map((at) => days(at).from);
    options(which.input, ofKind ? [...new Set(starts.map(ofKind))].map((name) => [name, inWords(name)]) : []);
    which.label.hidden = !ofKind;
    from.label.hidden = kind !== "day" && kind !== "range";
    to.label.hidden = kind !== "range";
    options(grain.input, ["auto", ...(this.hourly && this.isShort(kind) ? ["hour"] : []), ...GRAINS.slice(GRAINS.indexOf(this.grain ?? "year"))].map((name) => [name, say(`by_${name}`)]));
    options(against.input, ["before", "year_before", "nothing"].map((name) => [name, say(`against_${name}`)]));
    against.label.hidden = kind === "all";
    for (const name of ["period", "which", "to", "grain", "against"]) tell(this.fields[name].word, say(name));
    tell(from.word, say(kind === "day" ? "day" : "from"));
    this.bound();
    if (kind === "day" && this.kind !== "day") this.offerToday();
    this.kind = kind;
  }

  /** Hours of this span can be drawn. */
  isShort(kind) {
    const { from, to } = this.span(kind);
    return Date.parse(to) - Date.parse(from) < MOST_HOURLY_DAYS * 86_400_000;
  }

  /** What a reader who asks for a day sees first. */
  offerToday() {
    const { min, max } = this.fields.from.input;
    const today = local(new Date());
    if (min <= today && today <= max) this.fields.from.input.value = today;
  }

  /** The day that presets are counted from: today; of history, its last day. */
  get day() {
    const since = (Date.parse(this.today) - Date.parse(this.latest ?? this.today)) / 86_400_000;
    return since > STALE_DAYS ? this.latest : this.today;
  }

  /** The day of now, or of the time that the numbers are of. */
  get today() {
    return asked().slice(0, 10) || local(new Date());
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
      kind, ...this.span(kind), grain: this.fields.grain.input.value, against: this.fields.against.input.value,
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
    if (kind in PRESETS) return { ...PRESETS[kind](this.day), ...this.preset(kind) };
    if (kind !== "range" && PERIOD_OF[kind] && which) return { ...days(which), period: which, name: inWords(which) };
    return { from: "0000", to: "9999", period: "all", name: say("all") };
  }

  preset(kind) {
    const { from, to } = PRESETS[kind](this.day);
    const dates = from === to ? inWords(from) : `${inWords(from)} – ${inWords(to)}`;
    return { period: from === to ? from : `${from}_${to}`, name: say("with", { name: say(kind), text: dates }) };
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

function restoreKey(key, values, every) {
  offerKey(key);
  key.select.value = every ? "" : String(key.values.findIndex((value) => values.includes(String(value))));
  if (key.select.value === "") key.select.selectedIndex = 0;
  for (const input of key.boxes.querySelectorAll("input")) input.checked = every || values.includes(String(JSON.parse(input.value)));
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
