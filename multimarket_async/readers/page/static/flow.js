// The flow: feeds -> landing -> MongoDB or quarantine -> KPIs, and the sum that must hold.

import { byId, element, table, tell } from "./elements.js";
import { bytes, declared, duration, moment, number, say, sentence, title } from "./words.js";

const placesOf = (sum) => ["waiting", "stored", "duplicate", ...(sum.superseded ? ["superseded"] : []), "quarantined"];

/** The status as it is so many seconds after it was asked for; nothing is known of a process that does not answer. */
export function aged(status, seconds, lost) {
  const older = (age) => (age === null ? null : age + seconds);
  return {
    ...status,
    kpi: { ...status.kpi, age_s: older(status.kpi.age_s) },
    overload: { ...status.overload, oldest_s: older(status.overload.oldest_s) },
    conservation: { ...status.conservation, holds: lost ? null : status.conservation.holds },
    feeds: status.feeds.map((feed) => ({ ...feed, oldest_s: older(feed.oldest_s), rate_per_minute: lost ? null : feed.rate_per_minute })),
  };
}

/** The ages, which grow between two answers also. */
export function showAges(status) {
  landing(status);
  fact("age", status.kpi.generation ? say("measured_ago", { age: duration(status.kpi.age_s) }) : say("not_measured"));
}

export function showFlow(status) {
  const { sum } = status.conservation;
  for (const node of document.querySelectorAll("[data-number]")) {
    tell(node, number({ ...sum, generation: status.kpi.generation }[node.dataset.number]));
  }
  feeds(status);
  showAges(status);
  fact("duplicate", sum.duplicate ? say("duplicates_are", { count: number(sum.duplicate) }) : "");
  fact("reasons", reasons(status));
  fact("newest", newest(status.kpi.newest_events));
  fact("drift", status.kpi.drift === 0 ? say("checked") : "");
  byId("mongodb").dataset.state = status.mongo.ok ? "well" : "bad";
  byId("measured").dataset.state = status.kpi.stale ? "bad" : "well";
  byId("quarantined").dataset.state = sum.quarantined ? "noted" : "well";
  conservation(status.conservation);
  sources("polls", status.polls, ({ feed }) => title(feed), polled);
  sources("sinks", status.sinks, ({ sink }) => sink, sunk);
  byId("feed-table").replaceChildren(byFeed(status.feeds, sum));
}

const newest = (events) => Object.entries(events)
  .map(([domain, at]) => say("newest_of", { domain: declared(domain), moment: moment(at) })).join("; ");

const fact = (name, text) => tell(document.querySelector(`[data-fact="${name}"]`), text);

function feeds({ feeds: all }) {
  const list = byId("feeds");
  while (list.children.length < all.length) {
    list.append(element("li", {}, element("b"), element("span", { class: "rate" }), element("span", { class: "quiet" })));
  }
  all.forEach((feed, index) => {
    const [name, rate, received] = list.children[index].children;
    tell(name, title(feed.feed));
    tell(rate, say("per_minute", { count: number(feed.rate_per_minute) }));
    tell(received, `${number(feed.received)} ${say("received")}`);
    list.children[index].classList.toggle("moving", feed.rate_per_minute > 0);
  });
}

function sources(id, all, named, described) {
  const list = byId(id);
  list.hidden = !all.length;
  while (list.children.length < all.length) list.append(element("li", {}, element("b"), " ", element("span")));
  all.forEach((source, index) => {
    const [name, facts] = list.children[index].children;
    tell(name, named(source));
    tell(facts, described(source));
    list.children[index].dataset.state = ["failing", "overdue"].includes(source.state) ? "noted" : "well";
  });
}

function sunk({ generation, behind, behind_since, failing_since, why }) {
  const held = generation === null ? say("sink_empty") : say("sink_holds", { generation: number(generation) });
  const late = behind ? [say("sink_behind", { count: number(behind), moment: moment(behind_since) })] : [];
  const failing = failing_since ? [say("poll_failing", { moment: moment(failing_since), why: sentence(why) })] : [];
  return [held, ...late, ...failing].join(" · ");
}

function polled({ state, why, failing_since, answered_at, changed_at, next_at }) {
  const facts = { answered: answered_at, changed: changed_at, next: next_at };
  const known = Object.entries(facts).filter(([, at]) => at).map(([fact, at]) => say(`poll_${fact}`, { moment: moment(at) }));
  const failing = state === "failing" ? [say("poll_failing", { moment: moment(failing_since), why: sentence(why) })] : [];
  const other = { overdue: [say("poll_overdue")], "never asked": [say("poll_never")] }[state] ?? [];
  return [...failing, ...other, ...known].join(" · ");
}

function landing({ overload, mongo }) {
  const age = overload.oldest_s;
  const oldest = age === null ? say("nothing_waits") : say("oldest_is", { age: duration(age), budget: duration(overload.budget_s) });
  fact("oldest", oldest);
  Object.assign(byId("oldest"), { max: overload.budget_s, low: overload.budget_s * 0.5, high: overload.budget_s * 0.8, optimum: 0, value: age ?? 0 });
  byId("landing").dataset.state = overload.late ? (mongo.ok ? "bad" : "noted") : "well";
}

function reasons({ feeds: all }) {
  const codes = new Map();
  for (const feed of all) for (const [code, files] of Object.entries(feed.by_reason)) codes.set(code, (codes.get(code) ?? 0) + files);
  const most = [...codes].sort(([, a], [, b]) => b - a).slice(0, 3);
  return most.length ? most.map(([code, files]) => `${code} ${number(files)}`).join(", ") : say("no_reason");
}

function conservation({ holds, sum }) {
  const term = (name) => element("span", { class: "term" }, element("b", { text: number(sum[name]) }), ` ${say(name)}`);
  const right = placesOf(sum).flatMap((name, index) => [element("i", { text: index ? "+" : "=" }), term(name)]);
  const balance = holds === null ? "" : say(holds ? "balanced" : "unbalanced");
  const signed = element("span", { class: "balance", text: balance, "data-state": holds ? "well" : "noted" });
  byId("conservation").replaceChildren(element("p", {}, term("received"), ...right), signed);
}

function byFeed(all, sum) {
  const count = (name) => ({ title: say(name), numeric: true, shown: (feed) => number(feed[name]) });
  const columns = [
    { title: say("feed"), shown: (feed) => title(feed.feed) },
    ...["received", ...placesOf(sum)].map(count),
    { title: say("oldest"), numeric: true, shown: (feed) => (feed.oldest_s === null ? say("none") : duration(feed.oldest_s)) },
    { title: say("disk"), numeric: true, shown: (feed) => (feed.disk ? bytes(feed.disk.waiting + feed.disk.archive + feed.disk.quarantine) : say("none")) },
    { title: say("rate"), numeric: true, shown: (feed) => say("per_minute", { count: number(feed.rate_per_minute) }) },
  ];
  return table(say("by_feed"), columns, all);
}
