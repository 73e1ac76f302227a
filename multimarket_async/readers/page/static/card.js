// A card: a heading, a chart, the same as a table, and the table as CSV.

import { Chart } from "./charts.js";
import { element, table, tell } from "./elements.js";
import { number, say, sentence, spoken } from "./words.js";

const PAGE = 500; // rows of a table that are made together
const SEARCHED = 12; // rows, of more than which one searches

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
    this.books = ["xlsx", "parquet"].map((format) => ({ format, link: element("a", { class: "save", download: "", hidden: true }) }));
    this.picture = element("button", { type: "button", class: "save", hidden: true });
    this.picture.addEventListener("click", async () => saved(`${this.name}.png`, await this.chart.picture()));
    this.search = element("input", { type: "search", class: "search", hidden: true });
    this.search.addEventListener("input", () => this.fill());
    this.folded = open ? element("div", {}, this.search, this.rows) : element("details", {}, this.summary, this.search, this.rows);
    this.folded.addEventListener("toggle", () => this.fill());
    host.replaceChildren(element("div", { class: "head" }, this.heading, element("span", {}, this.save, ...this.books.map(({ link }) => link), this.picture)), this.note, ...(chart ? [this.plot] : []), this.folded);
  }

  /**
   * name: of the file. book: the address of all rows as a workbook. error: why the KPI failed; its rows, if any, are stale. columns: [{name, title, numeric, value(row), shown(row)}]. values: of the chart, with its form; measure, across, legend: names of its axes, as `Chart.show` has them.
   */
  show({ name, title, note = "", error, book, columns, rows, form, values, measure, across, legend }) {
    Object.assign(this, { name, csv: () => csv(columns, rows) });
    tell(this.heading, title);
    tell(this.note, (error && sentence(error)) ?? (rows.length ? note : say("nothing_measured")));
    tell(this.summary, `${say("as_table")} (${say("rows", { count: rows.length })})`);
    tell(this.save, say("csv"));
    this.save.setAttribute("aria-label", `${say("download")}: ${title}`);
    this.save.hidden = this.folded.hidden = !rows.length;
    for (const { format, link } of this.books) {
      link.hidden = !book || !rows.length;
      link.href = (book ?? "").replace(".xlsx", `.${format}`);
      tell(link, say(format));
      link.setAttribute("aria-label", `${say(`download_${format}`)}: ${title}`);
    }
    tell(this.picture, say("png"));
    this.picture.setAttribute("aria-label", `${say("download_png")}: ${title}`);
    this.picture.hidden = !values?.length;
    this.search.setAttribute("aria-label", say("search"));
    this.search.placeholder = say("search");
    this.search.hidden = rows.length <= SEARCHED;
    this.rows.setAttribute("aria-label", title);
    this.content = () => this.pages(title, columns, rows);
    this.fill();
    if (this.chart) {
      this.plot.hidden = !values.length;
      if (values.length) this.chart.show(form, values, title, { measure, across, legend });
    }
  }

  /** Tables of hundreds of rows are made when they are unfolded. */
  fill() {
    this.rows.replaceChildren(...(this.folded.open === false ? [] : this.content()));
  }

  /** The rows that are searched for, in the chosen order; headings sort, first names filter. */
  pages(title, columns, rows) {
    const [made, more] = pages(title, columns, this.arranged(columns, rows));
    if (rows.length > 1) [...made.tHead.rows[0].cells].forEach((cell, place) => this.sortable(cell, columns[place]));
    return [made, more];
  }

  arranged(columns, rows) {
    const text = this.search.hidden ? "" : this.search.value.toLocaleLowerCase();
    const found = text ? rows.filter((row) => columns.some((column) => !column.numeric && column.shown(row).toLocaleLowerCase().includes(text))) : rows;
    const by = columns.find(({ name }) => name === this.order?.name);
    return by ? [...found].sort((one, other) => this.order.way * ordered(by.value(one), by.value(other))) : found;
  }

  /** A heading sorts by its column: numbers from the largest on, texts from A; and then the other way round. */
  sortable(cell, { name, numeric, title }) {
    const way = this.order?.name === name ? this.order.way : 0;
    const button = element("button", { type: "button", class: "sort", text: title });
    if (way) cell.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    button.addEventListener("click", () => {
      this.order = { name, way: way ? -way : numeric ? -1 : 1 };
      this.fill();
      this.rows.querySelectorAll("thead button")[cell.cellIndex].focus();
    });
    cell.replaceChildren(button);
  }
}

/** Numbers by size, texts by name; what is not known is the least. */
function ordered(one, other) {
  const numbers = [one, other].map((value) => (value === null || value === undefined || value === "" ? NaN : Number(value)));
  if (numbers.every(Number.isFinite)) return numbers[0] - numbers[1];
  if (numbers.some(Number.isFinite)) return Number.isFinite(numbers[0]) ? 1 : -1;
  return String(one ?? "").localeCompare(String(other ?? ""));
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
  saved(`${name}.csv`, new Blob([text], { type: "text/csv;charset=utf-8" }));
}

function saved(file, content) {
  const address = URL.createObjectURL(content);
  element("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
