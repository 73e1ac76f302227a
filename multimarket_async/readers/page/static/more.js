// A card for each KPI that no dashboard shows, from its declaration: a new one appears here without a change.

import { Card } from "./card.js";
import { forPeople, grouped, heading, inTable, mark, measured, named, single } from "./cells.js";
import { byId, element } from "./elements.js";
import { ask } from "./live.js";
import { declared, spoken } from "./words.js";

const cards = new Map();
let now = { kpis: {}, drawings: {} };

// Rows are asked for when the reader comes near: there may be many KPIs, and many rows.
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const card = cards.get(target.dataset.kpi);
    card.visible = isIntersecting;
    if (isIntersecting) refresh(card);
  }
}, { rootMargin: "400px" });

/** kpis: of /api/kpis, without those shown elsewhere. drawings: by KPI. Headlines come first. */
export function showMore(kpis, drawings, generation) {
  const others = [...kpis].sort((one, other) => other.headline - one.headline);
  now = { kpis: named(others), drawings, generation };
  for (const { name, title } of others) if (!cards.has(name)) cards.set(name, made(name, title));
  for (const card of cards.values()) if (card.visible) refresh(card);
}

function made(name, title) {
  const host = element("article", { class: "card", id: `kpi-${name}`, "data-kpi": name }, element("h3", { text: declared(title) }));
  byId("more").append(host);
  seen.observe(host);
  return { name, host };
}

/** What is shown is of this generation and in this language, or is fetched and shown again. */
async function refresh(card) {
  const { name } = card;
  const wanted = `${now.generation} ${spoken()}`;
  if (!now.generation || card.shown === wanted || card.busy) return;
  card.busy = true;
  try {
    const { generation } = now;
    if (card.of !== generation) card.rows = (await ask(`kpis/${name}?generation=${generation}`)).rows;
    card.of = generation;
    card.card ??= new Card(card.host);
    card.card.show(content(now.kpis[name], card, now.drawings[name]));
    card.shown = wanted;
  } catch (error) {
    console.info(error.message); // it is asked for again when something happens
  }
  card.busy = false;
}

function content(kpi, { rows, of: generation }, drawing) {
  const by = named(kpi.columns);
  const drawn = drawing && { x: by[drawing.x], y: by[drawing.y], series: by[drawing.series] };
  return {
    name: kpi.name, title: declared(kpi.title), note: declared(kpi.definition, kpi.name), error: kpi.error ?? undefined, rows,
    book: `api/kpis/${kpi.name}.xlsx?generation=${generation}`,
    columns: kpi.columns.filter(forPeople).map(inTable),
    form: drawing?.kind, ...(drawn && axes(drawing.kind, drawn)), values: drawn ? marks(kpi, rows, drawing, drawn) : [],
  };
}

/** The rows, added up over the keys that are not drawn. */
function marks(kpi, rows, { x, series, added_up: addedUp }, drawn) {
  const parts = single(kpi.columns, rows);
  const found = addedUp ? grouped(kpi.columns, parts, [x, series].filter(Boolean)) : parts;
  return found.map((row) => mark(row, drawn));
}

/** Names of the axes, as `Chart.show` has them. */
function axes(kind, { x, y, series }) {
  if (kind === "bars") return { measure: heading(x), across: measured(y) };
  return kind === "grid" ? { measure: heading(series), across: heading(x), legend: measured(y) } : { measure: measured(y), across: heading(x) };
}
