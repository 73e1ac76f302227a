// Elements are made here only, and text goes in as text: nothing that comes from a file is ever read as HTML.

/** @param {string} tag @param {object} [traits] attributes; `text` is its text @param {...Node} children */
export function element(tag, { text, ...traits } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(traits)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Change a text only where it differs, so that a screen reader hears of news only. */
/** A number in a place that is as wide as it is: its size follows from its length. */
export function fit(node, text) {
  tell(node, text);
  node.style.setProperty("--chars", text.length);
}

export function tell(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** columns: [{title, numeric, shown(row), pick(row)}]; the first one names the row. */
export function table(caption, columns, rows) {
  const heading = ({ title, numeric }) => element("th", { scope: "col", text: title, class: numeric && "number" });
  const cell = (row) => ({ numeric, shown, pick }, index) =>
    element(index ? "td" : "th", { text: pick ? "" : shown(row), class: numeric && "number", scope: index ? undefined : "row" }, ...(pick ? [picked(shown(row), pick(row))] : []));
  return element(
    "table", {},
    element("caption", { text: caption, class: "hidden" }),
    element("thead", {}, element("tr", {}, ...columns.map(heading))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...columns.map(cell(row))))),
  );
}

/** A name that the page is filtered by when it is clicked on; `pick` says by what. */
function picked(text, pick) {
  const button = element("button", { type: "button", class: "link", text });
  button.addEventListener("click", () => button.dispatchEvent(new CustomEvent("pick", { detail: pick, bubbles: true })));
  return button;
}
