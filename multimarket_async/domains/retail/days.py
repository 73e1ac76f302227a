"""Store days in SQL (DuckDB): one row for each date and store, of which every KPI of retail is made."""

from multimarket_async.domains.retail.settings import RetailSettings


def days(settings: RetailSettings) -> str:
    """Named queries; the last one is `days`. Amounts are in minor units."""
    return f"""
WITH ratios AS (
  SELECT store, sum(visitors) AS visitors, sum(tickets) AS tickets FROM footfall
  WHERE visitors <= {settings.most_visitors_per_hour} AND tickets IS NOT NULL GROUP BY store),
hours AS (
  SELECT f.date, f.store, f.hour, coalesce(f.tickets, 0) AS tickets, f.tickets IS NULL AS silent,
    coalesce(f.visitors > {settings.most_visitors_per_hour}, true) AS imputed,
    CASE WHEN imputed THEN coalesce(half_up(coalesce(f.tickets, 0) * r.visitors, r.tickets), 0)
      ELSE f.visitors END AS visitors
  FROM footfall f LEFT JOIN ratios r USING (store)),
flow AS (
  SELECT date, store, sum(visitors)::BIGINT AS visitors, sum(tickets)::BIGINT AS tickets,
    count(*) FILTER (imputed) AS imputed, count(*) FILTER (silent) AS silent,
    arg_max(hour, visitors * 24 - hour) AS peak_visitors, arg_max(hour, tickets * 24 - hour) AS peak_tickets
  FROM hours GROUP BY ALL),
costs AS (
  SELECT product, cost_minor, CASE WHEN since > min(since) OVER (PARTITION BY product) THEN since ELSE '' END AS since
  FROM products),
goods AS (
  SELECT s.period AS date, store, sum(quantity)::BIGINT AS quantity, sum(minor)::BIGINT AS revenue,
    coalesce(sum(quantity::HUGEINT * cost_minor), 0)::BIGINT AS cost,
    coalesce(sum(lines) FILTER (cost_minor IS NULL), 0)::BIGINT AS costless
  FROM sold s ASOF LEFT JOIN costs c ON s.product = c.product AND s.period >= c.since GROUP BY ALL),
called AS (
  SELECT store, coalesce(s.name, f.name, store) AS store_name
  FROM (SELECT DISTINCT store FROM footfall UNION SELECT DISTINCT store FROM sold)
    LEFT JOIN stores s USING (store)
    LEFT JOIN (SELECT store, arg_max(name, date) AS name FROM footfall GROUP BY store) f USING (store)),
days AS (
  SELECT date, store, store_name, coalesce(visitors, 0) AS visitors, coalesce(tickets, 0) AS tickets,
    coalesce(quantity, 0) AS quantity, coalesce(revenue, 0) AS revenue, coalesce(cost, 0) AS cost,
    coalesce(revenue, 0) - coalesce(cost, 0) AS margin, peak_visitors, peak_tickets,
    coalesce(imputed, 0) AS imputed, coalesce(silent, 0) AS silent, coalesce(costless, 0) AS costless
  FROM flow FULL JOIN goods USING (date, store) LEFT JOIN called USING (store))
"""


def units(minor: str, exponent: int) -> str:
    """An amount of minor units in whole ones, as a decimal."""
    if not exponent:
        return f"({minor})::DECIMAL(38, 0)"
    return f"({minor}) * 0.{'0' * (exponent - 1)}1::DECIMAL({exponent + 1}, {exponent})"


def quotient(minor: str, count: str, exponent: int) -> str:
    """Minor units by a count, in whole units, rounded half-up to 2 decimals; null over nothing."""
    return f"amount(half_up(({minor})::HUGEINT * 100, ({count})::HUGEINT * {10**exponent}))"


def change(now: str, before: str) -> str:
    """100 x (now - before) / before, rounded half-up to 2 decimals; null where it was 0."""
    return f"amount(half_up(10000 * (({now})::HUGEINT - ({before})), {before}))"


def figures(exponent: int) -> str:
    """The sums and rates of rows of `visitors`, `tickets`, `quantity`, `revenue`, `cost` and `margin`."""
    amounts = ", ".join(f"{units(name, exponent)} AS total_{name}" for name in ("revenue", "cost", "margin"))
    return f"""visitors AS total_visitors, tickets AS total_transactions, quantity AS total_quantity, {amounts},
    percent(tickets, visitors) AS conversion_rate, {quotient("revenue", "tickets", exponent)} AS avg_transaction_value,
    {quotient("revenue", "visitors", exponent)} AS revenue_per_visitor,
    {quotient("margin", "visitors", exponent)} AS margin_per_visitor"""


LAST = """imputed AS imputed_hours, silent AS hours_without_sales, costless AS lines_without_cost,
    revenue AS total_revenue_minor, cost AS total_cost_minor, margin AS total_margin_minor"""
