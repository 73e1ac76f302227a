// The figures of the chosen period and channels.

import { Card } from "./card.js";
import { byId, tell } from "./elements.js";
import { chosen } from "./filter.js";
import { daysKept, grouped, total, within } from "./sums.js";
import { clock, money, number, percent, period, say, title } from "./words.js";

const MAX_DAYS = 62;
const MAX_PRODUCTS = 10;

/** The KPIs that this panel shows in place of cards of their own. */
export const COVERED = new Set([
  "revenue_by_month_and_channel", "top_products", "cancellation_rate_by_channel", "average_order_value_by_channel",
]);

const cards = {
  revenue: new Card(byId("revenue")),
  products: new Card(byId("products")),
  compared: new Card(byId("compared"), { chart: false, open: true }),
  minutes: new Card(byId("minutes")),
};

/** kpis: rows by name. currency: of all amounts. */
export function showFigures(kpis, currency) {
  const choice = chosen();
  const { rows, widened } = within(choice, kpis.revenue_by_month_and_channel, kpis.orders_by_day_and_channel);
  const selected = rows.filter((row) => choice.channels.includes(row.channel));
  scope(choice, selected, widened);
  tiles(selected, currency);
  revenue(choice, selected, kpis, currency);
  products(choice, kpis, currency);
  compared(choice, selected, currency);
}

function scope(choice, rows, widened) {
  const channels = choice.every ? say("all_channels") : choice.channels.map(title).join(", ") || say("no_channel");
  const text = say("scope", { period: choice.name, channels, orders: number(total(rows).orders) });
  tell(byId("scope"), widened ? `${text}. ${say("widened", { day: period(`${widened}-01`) })}` : text);
}

function tiles(rows, currency) {
  const all = total(rows);
  tile("revenue", money(all.revenue_minor, currency), say("without_cancelled"));
  tile("orders", number(all.orders), say("cancelled_are", { count: number(all.cancelled_orders) }));
  tile("average", money(all.average_minor, currency), say("without_cancelled"));
  tile("cancellation", rate(all), say("cancelled_of", { cancelled: number(all.cancelled_orders), orders: number(all.orders) }));
}

function tile(name, ...texts) {
  const parts = byId(`tile-${name}`).children;
  [say(name), ...texts].forEach((text, place) => tell(parts[place], text));
}

const rate = ({ cancellation_hundredths: value }) => percent(value === null ? null : value / 100);

function revenue(choice, rows, kpis, currency) {
  const { grain, shown } = bars(choice, rows, kpis);
  cards.revenue.show({
    name: `revenue_${choice.period}`,
    title: say("revenue_chart", { grain: say(`grain_${grain}`) }),
    columns: [
      { name: grain, title: say("period_column"), value: (row) => row.at, shown: (row) => period(row.at) },
      { name: "channel", title: say("channel"), value: (row) => row.channel, shown: (row) => title(row.channel) },
      ...sums(currency),
    ],
    rows: shown,
    form: "time",
    values: shown.map((row) => ({
      x: row.at, y: row.revenue_minor / 100, series: title(row.channel),
      tip: `${period(row.at)}, ${title(row.channel)}\n${money(row.revenue_minor, currency)}`,
    })),
  });
}

/** Sums by day where the period is short and its days are kept; else by month. */
function bars(choice, rows, { revenue_by_month_and_channel: months, orders_by_day_and_channel: byDay }) {
  const kept = daysKept(months, byDay);
  const days = byDay.filter(({ day, channel }) => choice.from <= day && day <= choice.to && choice.channels.includes(channel));
  const daily = rows.every((row) => row.day || kept.has(row.month)) && new Set(days.map(({ day }) => day)).size <= MAX_DAYS;
  const at = (row) => (daily ? row.day : row.month ?? row.day.slice(0, 7));
  const shown = grouped(daily ? days : rows, (row) => JSON.stringify([at(row), row.channel]));
  const named = ({ name, ...sums }) => ({ at: JSON.parse(name)[0], channel: JSON.parse(name)[1], ...sums });
  return { grain: daily ? "day" : "month", shown: shown.map(named) };
}

const sums = (currency) => [
  count("orders", say("orders")),
  count("cancelled_orders", say("cancelled")),
  { name: "revenue_minor", title: say("revenue"), numeric: true, value: (row) => row.revenue_minor, shown: (row) => money(row.revenue_minor, currency) },
];

const count = (name, heading) => ({ name, title: heading, numeric: true, value: (row) => row[name], shown: (row) => number(row[name]) });

/** Products are counted by month over all channels: for any other choice the card says so. */
function products(choice, kpis, currency) {
  const month = choice.from.slice(0, 7);
  const monthly = kpis.products_by_month.filter((row) => row.month === month && choice.to.startsWith(month));
  const exact = choice.every && (choice.kind === "all" || choice.kind === "month");
  const rows = (monthly.length ? monthly : kpis.top_products).slice(0, MAX_PRODUCTS);
  const of = monthly.length ? period(month) : say("all").toLowerCase();
  cards.products.show({
    name: `products_${monthly.length ? month : "all"}`,
    title: say("top_products"),
    note: exact && (monthly.length || choice.kind === "all") ? "" : say("products_wider", { period: of }),
    columns: [
      { name: "product", title: say("product"), value: (row) => row.product, shown: (row) => row.product },
      count("quantity", say("quantity")),
      { name: "revenue_minor", title: say("revenue"), numeric: true, value: (row) => row.revenue_minor, shown: (row) => money(row.revenue_minor, currency) },
    ],
    rows,
    form: "bars",
    values: rows.map((row) => ({ x: row.product, y: row.quantity, tip: `${row.product}\n${number(row.quantity)} · ${money(row.revenue_minor, currency)}` })),
  });
}

function compared(choice, rows, currency) {
  cards.compared.show({
    name: `channels_${choice.period}`,
    title: say("compared"),
    columns: [
      { name: "channel", title: say("channel"), value: (row) => row.name, shown: (row) => title(row.name) },
      ...sums(currency),
      { name: "cancellation_rate_pct", title: say("cancellation"), numeric: true, value: hundredths, shown: rate },
      { name: "average_order_value_minor", title: say("average"), numeric: true, value: (row) => row.average_minor, shown: (row) => money(row.average_minor, currency) },
    ],
    rows: grouped(rows, (row) => row.channel),
  });
}

/** As an exact text: 1234 is "12.34". */
const hundredths = ({ cancellation_hundredths: value }) =>
  value === null ? null : `${Math.trunc(value / 100)}.${String(value % 100).padStart(2, "0")}`;

/** status: of /api/status; the minute that has just ended is the last whole one. */
export function showMinutes(status) {
  const rows = status.per_minute.orders ?? [];
  tile("minute_rate", number(rows.at(-2)?.documents), say("last_minute"));
  cards.minutes.show({
    name: "orders_per_minute",
    title: say("minutes"),
    columns: [
      { name: "minute", title: say("minute"), value: (row) => row.minute, shown: (row) => clock(new Date(row.minute)) },
      count("documents", say("orders")),
    ],
    rows,
    form: "minutes",
    values: rows.map((row) => ({ x: clock(new Date(row.minute)), y: row.documents, tip: `${clock(new Date(row.minute))}\n${number(row.documents)}` })),
  });
}
