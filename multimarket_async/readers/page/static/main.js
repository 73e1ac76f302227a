// The page: what is known, and when it is shown again.

import { byId, element, tell } from "./elements.js";
import { listen, offer } from "./filter.js";
import { showFigures, showMinutes } from "./figures.js";
import { showFlow } from "./flow.js";
import { ask, follow } from "./live.js";
import { showMore } from "./more.js";
import { showQuarantine } from "./quarantine.js";
import { duration, learn, moment, number, say, speak, spoken, translate } from "./words.js";

const known = { kpis: [], rows: {}, files: [], status: null, about: null, lost: false, charts: true };

async function look() {
  try {
    known.about ??= await (await fetch("about.json")).json();
    learn(known.about);
    known.status = await ask("status");
    await Promise.all([measured(), aside()]);
    known.lost = false;
  } catch (error) {
    console.info(error.message); // the next look may go well
    known.lost = true;
  }
  show();
}

/** All KPIs of a generation, where it is a new one; while MongoDB is away, those known before. */
async function measured() {
  const newest = known.status.kpi.generation;
  if (!newest || newest === known.generation || !known.status.mongo.ok) return;
  const { kpis } = await ask("kpis");
  const tables = await Promise.all(kpis.map(({ name }) => ask(`kpis/${name}?generation=${newest}`)));
  known.kpis = kpis;
  known.rows = Object.fromEntries(tables.map(({ name, rows }) => [name, rows]));
  known.generation = newest;
  known.as_of = tables[0].as_of;
  offer(known.rows.revenue_by_month_and_channel);
}

async function aside() {
  const count = known.status.conservation.sum.quarantined;
  if (count !== known.aside) known.files = (await ask("quarantine?limit=50")).files;
  known.aside = count;
}

function show() {
  freshness();
  notices();
  if (known.status) showFlow(known.status);
  if (known.status) showQuarantine(known.status, known.files);
  if (empty()) return;
  showMinutes(known.status);
  const drawn = `${known.generation} ${spoken()}`;
  if (drawn === known.drawn) return;
  known.drawn = drawn;
  figures();
  showMore(known.kpis, known.rows, known.about.drawings);
}

/** No order has been measured. */
const empty = () => !known.rows.revenue_by_month_and_channel?.length;

function figures() {
  const [{ unit }] = known.kpis.filter(({ name }) => name === "revenue_by_month_and_channel");
  showFigures(known.rows, unit);
}

function state() {
  if (known.lost) return "lost";
  if (!known.status) return "connecting";
  if (!known.status.mongo.ok) return "down";
  if (known.status.kpi.stale) return "stale";
  return known.status.overload.late ? "overloaded" : "live";
}

function freshness() {
  byId("pulse").dataset.state = state();
  tell(byId("pulse"), say(state()));
  tell(byId("as-of"), known.as_of ? say("as_of", { moment: moment(known.as_of) }) : "");
  byId("as-of").dateTime = known.as_of ?? "";
  document.body.classList.toggle("empty", empty());
}

/** What is out of the ordinary, in sentences; an unchanged sentence is not said again. */
function notices() {
  const { mongo, kpi, overload, conservation } = known.status ?? {};
  const facts = { moment: moment(known.as_of) };
  const from = known.as_of ? ` ${say("numbers_from", facts)}` : "";
  const told = [
    known.lost && ["bad", say("notice_lost") + from],
    mongo && !mongo.ok && ["bad", say("notice_down", { why: mongo.why.replace(/\.$/, "") }) + from],
    overload?.late && ["bad", say("notice_overload", { budget: duration(overload.budget_s) })],
    mongo?.ok && kpi.stale && ["noted", say("notice_stale", facts)],
    kpi?.drift && ["noted", say("notice_drift", { count: number(kpi.drift) })],
    conservation && !conservation.sum.received && ["noted", say("notice_empty")],
    !known.charts && ["noted", say("notice_charts")],
  ].filter(Boolean);
  const box = byId("notices");
  const text = JSON.stringify(told);
  if (box.dataset.told === text) return;
  box.dataset.told = text;
  box.replaceChildren(...told.map(([kind, sentence]) => element("p", { class: "notice", "data-state": kind, text: sentence })));
}

function language(wished) {
  speak(wished);
  translate();
  const other = spoken() === "fr" ? ["en", "English"] : ["fr", "Français"];
  byId("language").lang = other[0];
  tell(byId("language"), other[1]);
  offer();
}

function choices() {
  byId("language").addEventListener("click", () => {
    language(byId("language").lang);
    localStorage.setItem("language", spoken());
    show();
  });
  byId("theme").value = localStorage.getItem("theme") ?? "auto";
  byId("theme").addEventListener("input", theme);
  document.addEventListener("charts-failed", () => { known.charts = false; notices(); });
  listen(figures);
}

function theme() {
  localStorage.setItem("theme", byId("theme").value);
  document.documentElement.dataset.theme = byId("theme").value;
}

language(localStorage.getItem("language") ?? undefined);
choices();
theme();
follow(look);
