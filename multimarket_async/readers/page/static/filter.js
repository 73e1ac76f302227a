// The period and the channels that the reader has chosen.

import { byId, element, tell } from "./elements.js";
import { period as shown, say, title } from "./words.js";
import { days } from "./sums.js";

const KINDS = ["all", "year", "quarter", "month", "day", "range"];
const PERIOD_OF = {
  year: (month) => month.slice(0, 4),
  quarter: (month) => `${month.slice(0, 4)}-Q${Math.ceil(month.slice(5) / 3)}`,
  month: (month) => month,
};

let months = [];
let channels = [];

/** Call `changed` after each change of the choice. */
export function listen(changed) {
  byId("filters").addEventListener("input", () => { offer(); changed(); });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => { offer(); changed(); }));
}

/** Offer the periods and channels of these rows, and keep the choice. */
export function offer(rows) {
  if (rows) {
    months = [...new Set(rows.map((row) => row.month))].sort().reverse();
    channels = [...new Set(rows.map((row) => row.channel))].sort();
  }
  options(byId("period"), KINDS.map((kind) => [kind, say(kind)]));
  const kind = byId("period").value;
  const named = PERIOD_OF[kind];
  options(byId("which"), named ? [...new Set(months.map(named))].map((name) => [name, shown(name)]) : []);
  byId("which-label").hidden = !named;
  byId("from-label").hidden = kind !== "day" && kind !== "range";
  byId("to-label").hidden = kind !== "range";
  tell(byId("from-word"), say(kind === "day" ? "day" : "from"));
  bound();
  boxes();
}

function options(select, pairs) {
  const text = JSON.stringify(pairs);
  if (select.dataset.options === text) return;
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value, text: label })));
  select.dataset.options = text;
  if (pairs.some(([value]) => value === before)) select.value = before;
}

function bound() {
  if (!months.length) return;
  const [first, last] = [days(months.at(-1)).from, days(months[0]).to];
  for (const id of ["from", "to"]) {
    Object.assign(byId(id), { min: first, max: last });
    byId(id).value ||= id === "from" ? days(months[0]).from : last;
  }
}

function boxes() {
  const box = (channel) =>
    element("label", {}, element("input", { type: "checkbox", value: channel, checked: true }), title(channel));
  const here = [...byId("channel-boxes").querySelectorAll("input")].map((input) => input.value);
  for (const channel of channels.filter((name) => !here.includes(name))) byId("channel-boxes").append(box(channel));
}

/** {name, kind, from, to, channels, every}: no from and no to over all time; `every`: all channels are chosen. */
export function chosen() {
  const kind = byId("period").value || "all";
  const checked = [...byId("channel-boxes").querySelectorAll("input:checked")].map((input) => input.value);
  return { kind, ...span(kind), channels: checked, every: checked.length === channels.length };
}

function span(kind) {
  const [which, from, to] = ["which", "from", "to"].map((id) => byId(id).value);
  if (kind === "day" && from) return { ...days(from), period: from, name: shown(from) };
  if (kind === "range" && from && to) return { from, to, period: `${from}_${to}`, name: `${shown(from)} – ${shown(to)}` };
  if (PERIOD_OF[kind] && which) return { ...days(which), period: which, name: shown(which) };
  return { from: "0000", to: "9999", period: "all", name: say("all") };
}
