// The page: its state, and when it is drawn again.

import { covered, Part, sources } from "./dashboard.js";
import { byId, element, tell } from "./elements.js";
import { aged, showAges, showFlow } from "./flow.js";
import { ask, follow } from "./live.js";
import { showMore } from "./more.js";
import { showQuarantine } from "./quarantine.js";
import { asked, offerViews, showViews } from "./views.js";
import { declared, duration, instant, learn, moment, number, say, sentence, speak, spoken, title, translate } from "./words.js";

const known = { kpis: [], rows: {}, quarantine: { files: [], rejects: [] }, status: null, about: null, parts: [], lost: false, charts: true };

async function refresh() {
  try {
    known.about ??= await (await fetch("about.json")).json();
    learn(known.about);
    known.status = await ask("status");
    known.answered_at = Date.now();
    await Promise.all([measured(), quarantined()]);
    known.lost = false;
  } catch (error) {
    console.info(error.message); // the next refresh may succeed
    known.lost = true;
  }
  show();
}

/** The KPIs of the dashboards of a generation, where it is a new one; while MongoDB is away, those known before. */
async function measured() {
  const newest = await wanted();
  if (!newest || newest === known.generation || !known.status.mongo.ok) return;
  const { kpis } = await ask("kpis");
  const names = [...new Set(known.about.dashboards.flatMap(sources))];
  const tables = await Promise.all(names.map((name) => rowsOf(name, newest)));
  await Promise.all(known.parts.map((part) => part.load(newest)));
  known.kpis = kpis;
  known.rows = Object.fromEntries(tables.map(({ name, rows }) => [name, rows]));
  known.generation = newest;
  known.as_of = tables.find(({ as_of: at }) => at)?.as_of ?? known.status.kpi.as_of;
}

/** The rows of a KPI; none where it was not yet measured in that generation. */
async function rowsOf(name, generation) {
  try {
    return await ask(`kpis/${name}?generation=${generation}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    return { name, rows: [] };
  }
}

/** The newest generation, or that of the time which the reader has chosen. */
async function wanted() {
  const at = asked();
  const { generation } = known.status.kpi;
  if (!at || !generation) {
    known.then = undefined;
    return generation;
  }
  if (known.then?.at !== at) known.then = { at, ...(await kept(instant(at))) };
  return known.then.generation ?? known.generation ?? generation;
}

/** The generation of a time, without its rows; or why there is none. */
async function kept(at) {
  const [{ name }] = (await ask("kpis")).kpis;
  const answer = await fetch(`api/kpis/${name}?${new URLSearchParams({ at, by: "" })}`);
  const { generation, detail } = await answer.json();
  return { generation, why: answer.ok ? undefined : detail };
}

async function quarantined() {
  const { feeds, conservation } = known.status;
  const counts = JSON.stringify([conservation.sum.quarantined, feeds.map(({ rejects }) => rejects)]);
  if (counts !== known.quarantined) known.quarantine = await ask("quarantine?limit=50");
  known.quarantined = counts;
}

function show() {
  showViews();
  attention();
  freshness();
  notices();
  if (!known.status) return;
  showFlow(present());
  showQuarantine(known.status, known.quarantine);
  for (const part of known.parts) part.came(known.status);
  const drawn = `${known.generation} ${spoken()}`;
  if (!known.generation || drawn === known.drawn) return;
  known.drawn = drawn;
  figures();
  for (const part of known.parts) part.came(known.status);
}

/** A part for each dashboard; KPIs that none shows, or whose dashboard has no rows, have cards of their own. */
function figures() {
  const { dashboards, drawings } = known.about;
  const columns = Object.fromEntries(known.kpis.map((kpi) => [kpi.name, kpi.columns]));
  const titles = Object.fromEntries(known.kpis.map((kpi) => [kpi.name, kpi.title]));
  if (!known.parts.length) {
    known.parts = dashboards.map((one, place) => new Part({ ...one, titles }, columns, dashboards.findIndex(({ domain }) => domain === one.domain) === place));
  }
  for (const part of known.parts) part.show(known.rows, known.generation);
  const elsewhere = new Set(dashboards.flatMap(covered));
  showMore(known.kpis.filter(({ name }) => !elsewhere.has(name)), drawings, known.generation);
}

/** The status of now, from the last answer. */
const present = () => aged(known.status, (Date.now() - known.answered_at) / 1000, known.lost);

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
}

/** What needs somebody, in one line; notices say more. */
function attention() {
  if (!known.status) return;
  const { alerts, conservation: { sum }, kpi, polls, sinks, overload, mongo, failing } = known.status;
  const away = [...polls, ...sinks].filter(({ state }) => ["failing", "overdue"].includes(state)).map(({ feed, sink }) => title(feed ?? sink));
  const needs = [
    !mongo.ok && say("down"), ...alerts.map(({ rule }) => say("needs_alert", { rule })), overload.late && say("needs_late"), kpi.stale && say("stale"), kpi.drift && say("needs_drift"),
    sum.quarantined && say("needs_quarantined", { count: number(sum.quarantined) }),
    away.length && say("needs_away", { names: away.join(", ") }), failing.length && say("needs_task", { count: number(failing.length) }),
  ].filter(Boolean);
  byId("attention").dataset.state = needs.length ? "noted" : "well";
  tell(byId("attention"), needs.length ? say("needs", { what: needs.join(" · ") }) : say("needs_nothing"));
}

/** Notices of unusual states; an unchanged notice is not announced again. */
function notices() {
  const { mongo, kpi, overload, conservation, feeds } = known.status ?? {};
  const facts = { moment: moment(known.as_of) };
  const from = known.as_of ? ` ${say("numbers_from", facts)}` : "";
  const sentences = [
    known.then && ["noted", known.then.why ? say("notice_not_kept", { why: sentence(known.then.why) }) : say("notice_then", { moment: moment(known.as_of), generation: number(known.generation) })],
    known.lost && ["bad", say("notice_lost") + since(known.status?.at) + from],
    mongo && !mongo.ok && ["bad", say("notice_down", { why: sentence(mongo.why).replace(/\.$/, "") }) + since(mongo.answered_at) + from],
    mongo?.ok && overload.late && ["bad", say("notice_overload", { budget: duration(overload.budget_s) })],
    ...(known.status?.alerts ?? []).map(({ rule, since: at, sentence: text }) => ["noted", say("notice_alert", { rule, moment: moment(at), why: sentence(text) })]),
    mongo?.ok && kpi.stale && ["noted", say("notice_stale", facts)],
    kpi?.drift && ["noted", say("notice_drift", { count: number(kpi.drift) })],
    ...Object.entries(kpi?.foreign ?? {}).map(([name, count]) => ["noted", say("notice_foreign", { name, count: number(count) })]),
    ...(feeds ?? []).filter(({ refusal }) => refusal).map(({ feed, refusal: { files, of, code, pointer } }) => ["bad", say("notice_refused", {
      count: number(files), of: number(of), feed: title(feed), why: [code, pointer].filter(Boolean).join(" "),
    })]),
    ...(feeds ?? []).filter(({ unknown }) => unknown).map((feed) => ["noted", say("notice_unknown", {
      count: number(feed.unknown), feed: title(feed.feed), example: feed.unknown_example,
    })]),
    ...(feeds ?? []).filter(({ unseen }) => unseen).map((feed) => ["noted", say("notice_unseen", { count: number(feed.unseen), feed: title(feed.feed) })]),
    ...(feeds ?? []).filter((feed) => feed.expired || feed.expired_quarantined).map((feed) => ["noted", say("notice_expired", {
      count: number(feed.expired), quarantined: number(feed.expired_quarantined), feed: title(feed.feed),
    })]),
    ...(feeds ?? []).filter(({ elsewhere }) => elsewhere).map((feed) => ["noted", say("notice_elsewhere", { count: number(feed.elsewhere), feed: title(feed.feed) })]),
    known.status?.without_feed && ["noted", say("notice_without_feed", {
      count: number(known.status.without_feed), example: known.status.without_feed_example,
    })],
    ...Object.entries(kpi?.failed ?? {}).map(([name, why]) => ["bad", kpi.stale_since?.[name] ? say("notice_kpi_stale", { title: named(name), why: sentence(why), moment: moment(kpi.stale_since[name]) }) : say("notice_kpi", { title: named(name), why: sentence(why) })]),
    ...(known.status?.failing ?? []).map(({ task, since, why }) => ["bad", say("notice_task", { task, moment: moment(since), why: sentence(why) })]),
    conservation && !conservation.sum.received && ["noted", say("notice_empty", { folder: known.about.landing })],
    !known.charts && ["noted", say("notice_charts")],
  ].filter(Boolean);
  const box = byId("notices");
  const text = JSON.stringify(sentences);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(...sentences.map(([kind, sentence]) => element("p", { class: "notice", "data-state": kind, text: sentence })));
}

const since = (at) => (at ? ` ${say("not_reached", { moment: moment(at) })}` : "");

function named(name) {
  const kpi = known.kpis.find((measured) => measured.name === name);
  return kpi ? declared(kpi.title) : name;
}

async function language(chosen) {
  await speak(chosen);
  translate();
  const other = spoken() === "fr" ? ["en", "English"] : ["fr", "Français"];
  byId("language").lang = other[0];
  tell(byId("language"), other[1]);
}

function choices() {
  byId("language").addEventListener("click", async () => {
    await language(byId("language").lang);
    localStorage.setItem("language", spoken());
    show();
  });
  byId("theme").value = localStorage.getItem("theme") ?? "auto";
  byId("theme").addEventListener("input", theme);
  document.addEventListener("charts-failed", () => { known.charts = false; notices(); });
}

function theme() {
  localStorage.setItem("theme", byId("theme").value);
  document.documentElement.dataset.theme = byId("theme").value;
}

await language(localStorage.getItem("language") ?? undefined);
choices();
theme();
offerViews(follow(refresh));
setInterval(() => known.status && showAges(present()), 1000);
