// The documents behind the chosen numbers, newest first, without personal data, each with the file it came from.

import { forPeople, inTable } from "./cells.js";
import { element, table, tell } from "./elements.js";
import { ask } from "./live.js";
import { shifted } from "./periods.js";
import { declared, instant, lower, number, say } from "./words.js";

const ROWS = 50;

export class Behind {
  /** listing: of about.json: its name, columns, and the columns by which it is filtered. */
  constructor(id, listing) {
    this.listing = listing;
    this.summary = element("summary");
    this.note = element("p", { class: "quiet note" });
    this.clear = element("button", { type: "button", class: "save", hidden: true });
    this.rows = element("div", { class: "scroll", role: "region", tabindex: "0" });
    this.more = element("button", { type: "button", class: "save", hidden: true });
    this.host = element("details", { class: "card behind", id: `${id}-behind` }, this.summary, this.note, this.clear, this.rows, this.more);
    this.only = {};
    this.host.addEventListener("toggle", () => this.refresh());
    this.clear.addEventListener("click", () => { this.only = {}; this.shown = ""; this.refresh(); });
    this.more.addEventListener("click", () => this.page(this.next));
  }

  /** Open it for documents with this value of a column that the page does not filter by. */
  pick(name, value) {
    this.only = { [name]: value };
    this.shown = "";
    this.host.open = true;
    this.refresh();
    this.host.scrollIntoView({ block: "nearest" });
  }

  /** choice: of the filters. */
  show(choice) {
    this.choice = choice;
    tell(this.summary, say("behind", { documents: lower(declared(this.listing.title)), period: choice.name }));
    this.refresh();
  }

  get query() {
    const { from, to, query, period } = this.choice;
    const bounds = period === "all" ? [] : [["from", instant(from)], ["to", instant(shifted(to, 1))]];
    const followed = query.filter(([name]) => this.listing.filters.includes(name));
    return String(new URLSearchParams([["limit", ROWS], ...followed, ...Object.entries(this.only), ...bounds]));
  }

  async refresh() {
    if (!this.host.open || !this.choice) return;
    const missing = this.choice.query.some(([name]) => !this.listing.filters.includes(name));
    const only = Object.values(this.only).map(String).join(", ");
    tell(this.note, [only, missing && say("behind_wider"), say("behind_private")].filter(Boolean).join(" · "));
    tell(this.clear, say("reset"));
    this.clear.hidden = !only;
    if (this.shown === `${this.query} ${document.documentElement.lang}`) return;
    this.shown = `${this.query} ${document.documentElement.lang}`;
    this.rows.replaceChildren();
    await this.page();
  }

  async page(cursor) {
    const asked = this.shown;
    try {
      const { rows, next } = await ask(`${this.listing.name}?${this.query}${cursor ? `&cursor=${cursor}` : ""}`);
      if (asked === this.shown) this.append(rows, next);
    } catch (error) {
      console.info(error.message);
      this.shown = ""; // it is asked for again with the next choice
    }
  }

  append(rows, next) {
    const made = table(this.summary.textContent, this.listing.columns.filter(forPeople).map(inTable), rows);
    const before = this.rows.querySelector("tbody");
    if (before) before.append(...made.tBodies[0].rows);
    else this.rows.replaceChildren(made);
    this.next = next;
    this.more.hidden = !next;
    tell(this.more, say("more_rows", { count: number(ROWS) }));
  }
}
