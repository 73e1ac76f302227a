// A card: a heading, a chart, the same as a table, and the table as CSV.

import { Chart } from "./charts.js";
import { element, table, tell } from "./elements.js";
import { number, say, spoken } from "./words.js";

const PAGE = 500; // rows of a table that are made together

export class Card {
  /** open: the table is shown immediately, not on demand. */
  constructor(host, { chart = true, open = false, level = "h3" } = {}) {
    this.heading = element(level);
    this.note = element("p", { class: "quiet note" });
    this.plot = chart && element("div", { class: "plot" });
    this.chart = chart && new Chart(this.plot);
    this.rows = element("div", { class: "scroll", role: "region", tabindex: "0" });
    this.content = () => [element("p")];
    this.summary = element("summary");
    this.save = element("button", { type: "button", class: "save" });
    this.save.addEventListener("click", () => save(this.name, this.csv()));
    this.book = element("a", { class: "save", download: "", hidden: true });
    this.folded = open ? this.rows : element("details", {}, this.summary, this.rows);
    this.folded.addEventListener("toggle", () => this.fill());
    host.replaceChildren(element("div", { class: "head" }, this.heading, element("span", {}, this.save, " ", this.book)), this.note, ...(chart ? [this.plot] : []), this.folded);
  }

  /**
   * name: of the file. book: the address of all rows as a workbook. error: why the KPI failed; its rows, if any, are stale. columns: [{name, title, numeric, value(row), shown(row)}]. values: of the chart, with its form and what it measures.
   */
  show({ name, title, note = "", error, book, columns, rows, form, values, measure }) {
    Object.assign(this, { name, csv: () => csv(columns, rows) });
    tell(this.heading, title);
    tell(this.note, error ?? (rows.length ? note : say("nothing_measured")));
    tell(this.summary, `${say("as_table")} (${say("rows", { count: rows.length })})`);
    tell(this.save, say("csv"));
    this.save.setAttribute("aria-label", `${say("download")}: ${title}`);
    this.save.hidden = this.folded.hidden = !rows.length;
    this.book.hidden = !book || !rows.length;
    this.book.href = book ?? "";
    tell(this.book, say("xlsx"));
    this.book.setAttribute("aria-label", `${say("download_book")}: ${title}`);
    this.rows.setAttribute("aria-label", title);
    this.content = () => pages(title, columns, rows);
    this.fill();
    if (this.chart) {
      this.plot.hidden = !values.length;
      if (values.length) this.chart.show(form, values, title, measure);
    }
  }

  /** Tables of hundreds of rows are made when they are unfolded. */
  fill() {
    this.rows.replaceChildren(...(this.folded.open === false ? [] : this.content()));
  }
}

/** A table, and a button for the rows that it lacks. */
function pages(title, columns, rows) {
  const made = table(title, columns, rows.slice(0, PAGE));
  const more = element("button", { type: "button", class: "save" });
  const left = () => rows.length - made.tBodies[0].rows.length;
  const offer = () => { tell(more, say("more_rows", { count: number(left()) })); more.hidden = left() <= 0; };
  more.addEventListener("click", () => {
    const from = made.tBodies[0].rows.length;
    made.tBodies[0].append(...table("", columns, rows.slice(from, from + PAGE)).tBodies[0].rows);
    offer();
  });
  offer();
  return [made, more];
}

// As a spreadsheet in the reader's language opens it; by the mark at its beginning it knows UTF-8.
const BOM = "\ufeff";
const SPREADSHEETS = { en: [",", "."], fr: [";", ","] };

function csv(columns, rows) {
  const [delimiter, point] = SPREADSHEETS[spoken()];
  const cell = (row) => ({ numeric, value }) => (numeric ? String(value(row) ?? "").replace(".", point) : inert(value(row)));
  const lines = [columns.map(({ name }) => name), ...rows.map((row) => columns.map(cell(row)))];
  return BOM + lines.map((line) => line.map((text) => quoted(text, delimiter)).join(delimiter) + "\r\n").join("");
}

// As readers/tables.py: no part of a text is run as a formula, whichever separator it is opened with.
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
const FORMULA = /(^|[,;|\t\r\n])(?=[ \u00a0"]*[=+\-@\uff0b\uff0d\uff1d\uff20])|^(?=[\t\r\n])/g;
const hexadecimal = (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;

export const inert = (value) => (typeof value === "string" ? value.replace(CONTROL, hexadecimal).replace(FORMULA, "$1'") : value ?? "");

const quoted = (value, delimiter) =>
  (/["\r\n]/.test(value) || String(value).includes(delimiter) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  element("a", { href: address, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
