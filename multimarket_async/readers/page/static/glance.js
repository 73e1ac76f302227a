// The first glance at a part of the page: today, yesterday, this week and this month, each against earlier ones.

import { shown } from "./cells.js";
import { element, fit, tell } from "./elements.js";
import { PRESETS } from "./periods.js";
import { dates, declared, percent, say } from "./words.js";

const GLANCES = { day: ["today", "yesterday", "this_week", "this_month"], month: ["this_month", "last_month", "this_year"] };
const TARGET_OF = { today: "day", yesterday: "day", this_week: "week", this_month: "month", last_month: "month", this_year: "year" };

export class Glance {
  /** Calls `chosen` with the name of a period. targets: by column, for a day, a week, a month or a year. */
  constructor(id, targets, chosen) {
    this.targets = targets;
    this.host = element("div", { class: "glance", id: `${id}-glance`, role: "group" });
    this.chosen = chosen;
    this.cards = new Map();
  }

  /** The periods that are shown, as spans by name. */
  spans(grain, day) {
    return Object.fromEntries((GLANCES[grain] ?? []).map((name) => [name, PRESETS[name](day)]));
  }

  /** found: {name, span, sums, earlier: [{name, change}]} of each span. columns: by name. tiles: as declared. */
  show(found, columns, tiles, kind, day) {
    this.host.hidden = !found.length;
    this.host.setAttribute("aria-label", say("glance"));
    for (const { name, span, sums, earlier } of found) {
      const card = this.card(name);
      card.setAttribute("aria-pressed", String(kind === name));
      const [title, value, changes, target, others] = card.children;
      const [first, ...rest] = tiles;
      tell(title, `${say(name)} · ${dates(span, day)}`);
      fit(value, shown(columns[first.column], sums[first.column]));
      changes.replaceChildren(...earlier.map((text) => element("span", { text, "data-way": { "▲": "up", "▼": "down" }[text[0]] })));
      tell(target, this.target(name, columns[first.column], sums[first.column]));
      tell(others, rest.slice(0, 3).map(({ column, title: own }) => `${declared(own || columns[column].title)} ${shown(columns[column], sums[column])}`).join(" · "));
    }
  }

  card(name) {
    if (!this.cards.has(name)) {
      const parts = ["quiet", "big", "changes", "quiet target", "quiet"].map((kind) => element("span", { class: kind }));
      const made = element("button", { type: "button", "data-glance": name }, ...parts);
      made.addEventListener("click", () => this.chosen(made.getAttribute("aria-pressed") === "true" ? "all" : name));
      this.cards.set(name, made);
      this.host.append(made);
    }
    return this.cards.get(name);
  }

  target(name, column, value) {
    const target = this.targets[column.name]?.[TARGET_OF[name]];
    if (!target) return "";
    const minor = column.type === "money" ? Math.round(target * 10 ** column.digits) : target;
    return say("of_target", { share: percent(Math.round((100 * Number(value)) / minor), 0), target: shown(column, minor) });
  }
}

