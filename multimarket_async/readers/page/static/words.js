// The words of the page in English; those in French come when they are first spoken. Numbers and times in the format of the reader's country.

const ENGLISH = {
  skip: "Skip to the figures", theme: "Colours", theme_auto: "Auto", theme_light: "Light", theme_dark: "Dark",
  flow: "The flow", feeds: "Feeds", feed: "Feed", landing: "Landing", kpis: "KPIs", quarantine: "Quarantine",
  files_waiting: "waiting", files_stored: "stored", generation: "generation",
  oldest_meter: "Age of the oldest file, out of the time every file must be stored in",
  by_feed: "Feed by feed", received: "received", waiting: "waiting", stored: "stored",
  duplicate: "duplicate", superseded: "superseded", quarantined: "quarantined", rate: "Rate", disk: "Disk", oldest: "Oldest file",
  balanced: "The sum holds: no file is lost.", unbalanced: "Files were in flight while this was counted.",
  polls: "Polled sources", poll_answered: "answered {moment}", poll_changed: "changed {moment}", poll_next: "next poll {moment}",
  poll_failing: "fails since {moment}: {why}", poll_overdue: "no process asks", poll_never: "not asked yet",
  sinks: "Sinks", sink_holds: "holds generation {generation}", sink_empty: "holds nothing yet", sink_behind: "{count} behind since {moment}",
  nothing_waits: "nothing waits", oldest_is: "oldest: {age}, budget {budget}",
  duplicates_are: "duplicates: {count}", no_reason: "nothing quarantined", measured_ago: "as of {age} ago",
  not_measured: "nothing measured yet", newest_of: "newest of {domain}: {moment}", checked: "the last full recompute agreed", per_minute: "{count}/min",
  figures: "Figures", filters: "Filters", period: "Period", which: "Which", from: "From", to: "To", day: "Day",
  all: "All time", year: "Year", quarter: "Quarter", month: "Month", range: "From … to", reset: "Reset", every: "All",
  with: "{name}: {text}", every_value: "{title}: all", some_values: "{title}: {values}", no_value: "none", yes: "yes", no: "no",
  records: "Records", minute_rate: "{documents} per minute", last_minute: "in the last minute", minutes: "{documents} per minute, last hour", minute: "Minute",
  cut_off: "Cut off at the top: one minute has {count}.",
  by_one: "{measure} by {by}", by_both: "{measure} by {by} and {series}", period_column: "Period",
  grain_year: "year", grain_quarter: "quarter", grain_month: "month", grain_day: "day", grain_hour: "hour", by_hour: "Hour",
  widened: "Days before {day} are no longer kept one by one: the period was widened to whole ones.",
  whole_periods: "The period was widened to whole ones.",
  wider: "These do not follow every choice: they are of {period}, with everything in it.",
  more: "More KPIs", more_rows: "{count} rows more", as_table: "As a table", csv: "↓ CSV", download: "Download as CSV", xlsx: "↓ Excel", download_xlsx: "Download as a workbook", rows: "{count} rows",
  changed: "{change} on {name}", points: "{count} points",
  chart_of: "Chart: {title}. The numbers are in the table below it.",
  reasons: "By reason", reason: "Reason", explanation: "Explanation", files: "Quarantined files", file: "File", count: "Files", when: "When",
  records_of: "{count} records of this file; the rest of it was accepted",
  nothing_quarantined: "No file has been quarantined.", deliveries: "Deliveries", newest_files: "The newest {count} of {all}",
  nothing_measured: "Nothing to show for this choice.", backwards: "The first day is after the last one: nothing is between them.",
  api: "All numbers as JSON, CSV, Excel, Parquet", docs: "Description of the HTTP interface (OpenAPI)",
  documents: "Documents",
  connecting: "Connecting", live: "Live", lost: "Connection lost", stale: "Stale", overloaded: "Overloaded", down: "MongoDB is away",
  as_of: "as of {moment}",
  notice_empty: "No file has been received yet. Put a file into a folder of {folder}, or start `run` without --no-produce.",
  notice_lost: "The process does not answer. The page tries again by itself.",
  notice_down: "MongoDB does not answer ({why}). Files wait in the landing directory and none is lost.", not_reached: "Not reached since {moment}.", numbers_from: "The numbers shown are from {moment}.",
  notice_stale: "These numbers lack what was stored since {moment}.",
  notice_overload: "More arrives than can be stored in time: a file waits longer than the budget of {budget}.",
  notice_drift: "The last full recompute differed from the published numbers in {count} rollups; it corrected them.",
  notice_foreign: "{count} documents in the tables of {name} are not MultiMarket's: no figure counts them.",
  notice_unknown: "{count} files of another kind in {feed} (such as {example}): they stay where they are.",
  notice_unseen: "{count} accepted files of {feed} are not in the archive: `verify` cannot see them.",
  notice_refused: "{count} of {of} files of {feed} are refused alike ({why}): they look like another format; try `formats suggest`.",
  notice_expired: "Files of {feed} were removed because of their age: {count} of the archive, {quarantined} in quarantine.",
  notice_elsewhere: "{count} more files of {feed} were accepted into the archives of other data folders.",
  notice_without_feed: "{count} entries beside the landing directories (such as {example}) belong to no feed: they are not collected.",
  notice_kpi: "“{title}” could not be computed and is empty; all other figures are right. Reason: {why}",
  notice_kpi_stale: "“{title}” could not be computed and is stale: its figures are those of {moment}; all others are right. Reason: {why}",
  notice_task: "Degraded: {task} failing since {moment}: {why}",
  notice_charts: "The charts could not be drawn; the tables hold the same numbers.",
  glance: "At a glance", today: "Today", yesterday: "Yesterday", this_week: "This week", last_7: "Last 7 days", last_30: "Last 30 days",
  this_month: "This month", last_month: "Last month", this_year: "This year", grain: "By", against: "Compared with",
  by_auto: "Automatic", by_day: "Day", by_week: "Week", by_month: "Month", by_quarter: "Quarter", by_year: "Year",
  against_before: "Before", against_year_before: "A year before", against_nothing: "Nothing", grain_week: "week", week_of: "Week {week}, {year}",
  so_far: "{share} of {name} so far", of_target: "{share} of the target of {target}", dashed: "Dashed: {name}.", marked: "Marks at the bars: {name}.", shaded: "Colour: change on {name}; blue is more, orange less.",
  change_on: "{measure}, change on {name}", best: "best {name}", worst: "last of {count} {name}", lost_most: "lost most {name}",
  behind: "The {documents} behind these numbers ({period})", behind_private: "Names and addresses are shown by MongoDB alone.", behind_wider: "These do not follow all filters.",
  search: "Search", parquet: "↓ Parquet", download_parquet: "Download as Parquet", png: "↓ PNG", download_png: "Download as a picture",
  tools: "Views", views: "Saved views", choose_view: "Choose …", view_name: "Save this view as", save_view: "Save", delete_view: "Delete", view_kept: "Saved: {name}.",
  as_it_was: "Numbers as of", now: "Now", notice_then: "Numbers as they were at {moment} (generation {generation}); the flow is that of now.", notice_not_kept: "Not the numbers of the chosen time: {why}",
  needs: "Needs attention: {what}", needs_nothing: "Nothing needs attention.", needs_late: "files are late", needs_drift: "a full recompute differed",
  needs_alert: "alert {rule}", notice_alert: "Alert {rule} since {moment}: {why}.",
  needs_quarantined: "{count} files in quarantine", needs_away: "away: {names}", needs_task: "{count} tasks fail",
  none: "–",
};

const MOMENT = { dateStyle: "medium", timeStyle: "medium" };
const WORDS = { en: ENGLISH };

let language = "en";
let locale = "en";
let domain = {}; // French of what the domains declare and of reasons, by its English text
let templates = []; // of these, those with values in them: an expression and the French
let timezone;

// Making a format takes as long as formatting a thousand numbers.
const formats = new Map();

function format(kind, options = {}) {
  const key = `${kind} ${locale} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl[kind](locale, options));
  return formats.get(key);
}

/** A reason by its code. Codes are what programs and filters use, so English keeps them. */
export const reason = (code) => declared(code);

/** The sentence of a reason, by its template; the values in it likewise. */
export function sentence(text) {
  if (language !== "fr") return text;
  if (Object.hasOwn(domain, text)) return domain[text];
  if (/^-?\d{1,3}(,\d{3})*(\.\d+)?$/.test(text)) return number(Number(text.replaceAll(",", "")));
  if (text.endsWith(".")) return `${sentence(text.slice(0, -1))}.`;
  for (const [pattern, french] of templates) {
    const values = pattern.exec(text);
    const [first, ...others] = french.split("{}");
    if (values) return others.reduce((said, part, place) => said + sentence(values[place + 1]) + part, first);
  }
  return text;
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Set the language: the reader's choice, or the browser's. */
export async function speak(chosen) {
  const known = (tag) => ["en", "fr"].includes(tag.slice(0, 2));
  const wanted = chosen ?? (navigator.languages.find(known) ?? "en").slice(0, 2);
  if (wanted === "fr") await learnFrench();
  language = wanted;
  locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
  document.documentElement.lang = language;
}

export const spoken = () => language;

/** The time zone of about.json. */
export function learn(about) {
  ({ timezone } = about);
}

async function learnFrench() {
  if (WORDS.fr) return;
  const [{ FRENCH }, answer] = await Promise.all([import("./french.js"), fetch("french.json")]);
  domain = await answer.json();
  WORDS.fr = FRENCH;
  const made = Object.entries(domain).filter(([text]) => text.includes("{}")).sort(([one], [other]) => other.length - one.length);
  templates = made.map(([text, french]) => [new RegExp(`^${text.split("{}").map(literal).join("(.+?)")}$`, "s"), french]);
}

/** @param {string} key of the words above @param {object} [facts] values of its braces */
export function say(key, facts = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => facts[name]).replace(/\.\.$/, "."); // nov..
}

/** A text that a domain declared. `name`: of the KPI, if it is its definition. */
export const declared = (text, name = text) => (language === "fr" ? domain[name] ?? text : text);

export const number = (value) => (value === null || value === undefined ? say("none") : format("NumberFormat").format(value));

/** An amount in whole units, as a decimal text that is exact whatever its size. */
export const amount = (text, currency, digits) =>
  format("NumberFormat", { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(text);

/** A million is M also where English has it as m, which is a metre. */
export const short = (value) =>
  format("NumberFormat", { notation: "compact", maximumFractionDigits: 1 }).format(value).replace(/m$/, "M");

export function bytes(size) {
  const power = Math.min(4, Math.max(1, Math.floor(Math.log10(size || 1) / 3)));
  const unit = ["kilobyte", "megabyte", "gigabyte", "terabyte"][power - 1];
  return format("NumberFormat", { style: "unit", unit, maximumFractionDigits: size < 10 ** (3 * power + 1) ? 1 : 0 }).format(size / 1000 ** power);
}

export const decimal = (value) =>
  value === null ? say("none") : format("NumberFormat", { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);

export const percent = (value, digits) =>
  (value === null ? say("none") : `${digits === undefined ? decimal(value) : number(value)} %`.replace(" ", language === "fr" ? "\u202f" : ""));

export function duration(seconds) {
  const [unit, size] = seconds < 100 ? ["second", 1] : seconds < 6000 ? ["minute", 60] : seconds < 172800 ? ["hour", 3600] : ["day", 86400];
  const digits = seconds < 9.95 ? 1 : 0;
  return format("NumberFormat", { style: "unit", unit, unitDisplay: unit === "day" ? "long" : language === "fr" ? "short" : "narrow", maximumFractionDigits: digits }).format(seconds / size);
}

export const moment = (text) => (text ? format("DateTimeFormat", { ...MOMENT, timeZone: timezone }).format(new Date(text)) : say("none"));

/** "2026", "2026-Q2", "2026-05", "2026-W20", "2026-05-12" or "2026-05-12T14:00+02:00" in words. */
export function period(text, style = "long") {
  if (/T\d\d:00/.test(text)) return hour(text, style);
  if (/^\d{4}-W\d\d$/.test(text)) return style === "long" ? say("week_of", { week: Number(text.slice(6)), year: text.slice(0, 4) }) : `${language === "fr" ? "S" : "W"}${text.slice(6)} ${text.slice(0, 4)}`;
  if (/^\d{4}-Q\d$/.test(text)) return `${language === "fr" ? "T" : "Q"}${text[6]} ${text.slice(0, 4)}`;
  const parts = { 4: {}, 7: { month: style }, 10: { month: style, day: "numeric" } }[text.length];
  if (!parts || Number.isNaN(Date.parse(text))) return text;
  return format("DateTimeFormat", { year: "numeric", ...parts, timeZone: "UTC" }).format(new Date(text));
}

/** In short the hour alone, and its day at midnight. */
function hour(text, style) {
  if (style !== "long") return text.includes("T00") ? period(text.slice(0, 10), style) : text.slice(11, 16);
  return format("DateTimeFormat", { dateStyle: "long", timeStyle: "long", timeZone: timezone }).format(new Date(text)).replace(":00:00", ":00");
}

const WITHIN_YEAR = { month: "short", day: "numeric", timeZone: "UTC" };

/** Days in short, a single one with its weekday; with their year where it is not that of `now`. */
export function dates({ from, to }, now) {
  const options = { ...WITHIN_YEAR, ...(from === to && { weekday: "short" }), ...(from.slice(0, 4) !== now.slice(0, 4) && { year: "numeric" }) };
  return format("DateTimeFormat", options).formatRange(new Date(from), new Date(to));
}

/** The day of an instant in the business time zone: 2026-05-12. */
export const local = (text) => new Date(text).toLocaleDateString("sv-SE", { timeZone: timezone });

/** The instant of a local time, such as 2026-05-12 or 2026-05-12T10:00, in the business time zone; in ISO 8601. */
export function instant(text) {
  const wanted = Date.parse(text.length === 10 ? `${text}T00:00Z` : `${text}Z`);
  const offset = (at) => Date.parse(`${new Date(at).toLocaleString("sv-SE", { timeZone: timezone }).replace(" ", "T")}Z`) - at;
  return new Date(wanted - offset(wanted - offset(wanted))).toISOString();
}

/** The hour of an instant in the business time zone, with its offset: 2026-05-12T14:00+02:00. */
export function hourOf(at) {
  const clock = new Date(at).toLocaleString("sv-SE", { timeZone: timezone });
  const minutes = Math.round((Date.parse(`${clock.replace(" ", "T")}Z`) - new Date(at)) / 60_000);
  const offset = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return `${clock.slice(0, 10)}T${clock.slice(11, 13)}:00${minutes < 0 ? "-" : "+"}${offset}`;
}

export const lower = (text) => text.charAt(0).toLocaleLowerCase(language) + text.slice(1);
export const upper = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

export const clock = (date) => format("DateTimeFormat", { timeStyle: "short", timeZone: timezone }).format(date);

/** Feeds are named by their systems: site_web. */
export const title = (name) => name.replaceAll("_", " ");

/** Translate all words of the document. */
export function translate(root = document) {
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-say-label]")) node.setAttribute("aria-label", say(node.dataset.sayLabel));
}
