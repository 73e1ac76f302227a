"""KPIs of orders, recomputed by Spark from the lake's documents, and compared with the lake's KPI tables.

    spark-submit --packages io.delta:delta-spark_2.13:4.0.0 orders.py --lake data/lake [--output FOLDER]

Documents, exchange rates and KPIs are read in the versions that the table `generations` names, so all are of one
moment; a document that came since is a difference. Amounts are whole minor units, and rates whole numbers, so sums are
exact in any order, on any number of machines; each is rounded once.
Ends with 0, or with 4 where a KPI differs.
"""

import argparse
import sys
from collections import Counter

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

DAYS, TOP, MONTHS, PRODUCTS, CITIES = 92, 10, 13, 20, 50
# Of days of products and cities, and of hours, so many months before the newest one; of products, and of net ones.
DAILY_MONTHS, HOURLY_MONTHS, DAILY_PRODUCTS, NET_PRODUCTS = 13, 2, 100, 100
# `value`: an amount times the factor of its currency and day, in units of 10^-16 of the reporting currency.
FUNCTIONS = (
    """CREATE OR REPLACE TEMPORARY FUNCTION half_up(n DECIMAL(38, 0), d DECIMAL(38, 0)) RETURNS BIGINT
       RETURN CASE WHEN d <> 0 THEN CAST((2 * n + d - pmod(2 * n + d, 2 * d)) div (2 * d) AS BIGINT) END""",
    """CREATE OR REPLACE TEMPORARY FUNCTION percent(part DECIMAL(38, 0), whole DECIMAL(38, 0)) RETURNS DOUBLE
       RETURN half_up(10000 * part, whole) / 100D""",
    """CREATE OR REPLACE TEMPORARY FUNCTION reported(value DECIMAL(38, 0)) RETURNS BIGINT
       RETURN coalesce(half_up(value, {whole}L), 0)""",
    """CREATE OR REPLACE TEMPORARY FUNCTION major(minor BIGINT) RETURNS DOUBLE RETURN minor / {unit}D""",
)
# Columns of exported orders: a lake of orders of the contract alone has none of them, and no rates.
EXPORTED = {
    "measures_micro": "ARRAY<BIGINT>", "refunded_at": "ARRAY<STRING>", "refunded_products": "ARRAY<STRING>",
    "refunded_quantities": "ARRAY<BIGINT>", "refunds_minor": "ARRAY<BIGINT>", "number": "STRING", "credited": "STRING",
}  # fmt: skip
RATES_TABLE, BY_CURRENCY, TOP_NET = "exchange_rates", "amounts_by_currency", "top_products_by_net_quantity"
NET = {"net_quantity", "net_revenue_minor"}  # columns that some KPIs have only where there are exported orders
# A rate, with 12 decimals, holds from its day until the next one; the reporting currency is worth itself on every day.
RATES = """
SELECT currency, since, lead(since, 1, '9999') OVER (PARTITION BY currency ORDER BY since) AS until, rate
FROM (SELECT '{currency}' AS currency, '' AS since, 1000000000000L AS rate
  UNION ALL SELECT currency, since, rate FROM exchange_rates WHERE currency <> '{currency}')
"""
RATED = "LEFT JOIN rates ON rates.currency = {of}.currency AND day >= since AND day < until"
SCALE = "CAST(power(10, 4 - decimals) AS DECIMAL(5, 0))"
FACTOR = f"CAST(rate AS DECIMAL(19, 0)) * {SCALE}"
# Orders and credit notes: what is neither has no amount. Days are in the session's time zone. Orders of the contract
# have no decimals: their amounts are hundredths of the reporting currency.
FACTS = """
SELECT *, date_format(ordered_at, 'yyyy-MM-dd') AS day, coalesce(status IN ({cancelled}), false) AS cancelled,
  own_decimals IS NOT NULL AND coalesce(is_credit, false) AS credit, coalesce(own_decimals, 2) AS decimals,
  IF(own_decimals IS NULL, '{currency}', coalesce(own_currency, '{currency}')) AS currency
FROM documents WHERE minor IS NOT NULL
"""
# Without a rate an order has no value.
ORDERS = f"""
WITH rated AS (
  SELECT /*+ BROADCAST(rates) */ facts.*, {FACTOR} AS factor FROM facts {RATED.format(of="facts")} WHERE NOT credit)
SELECT channel, customer, city, ordered_at, left(day, 7) AS month, day, products, quantities, lines_minor,
  coalesce(measures_micro, array()) AS measures_micro, cancelled, currency, factor, minor * factor AS value,
  IF(cancelled, 0, minor * factor) AS kept_value, IF(cancelled, 0, minor * {SCALE}) AS kept_amount
FROM rated
"""
# A refund is of its own day. Those of cancelled orders, and credit notes for them, give nothing back.
REFUNDS = f"""
WITH given_back AS (
  SELECT channel, currency, decimals, ordered_at, CAST(left(part.refunded_at, 23) || 'Z' AS TIMESTAMP) AS refunded_at,
    part.refunded_products AS product, part.refunded_quantities AS quantity, part.refunds_minor AS minor,
    left(_id, length(_id) - length(number)) || credited AS order_key
  FROM facts
    LATERAL VIEW explode(arrays_zip(refunded_at, refunded_products, refunded_quantities, refunds_minor)) AS part
  WHERE own_decimals IS NOT NULL AND NOT cancelled),
unsold AS (SELECT _id AS order_key FROM facts WHERE own_decimals IS NOT NULL AND cancelled AND NOT credit),
dated AS (
  SELECT *, date_format(refunded_at, 'yyyy-MM-dd') AS day FROM given_back LEFT ANTI JOIN unsold USING (order_key))
SELECT /*+ BROADCAST(rates) */ left(day, 7) AS month, day, channel, product, ordered_at, quantity,
  minor * {FACTOR} AS value
FROM dated {RATED.format(of="dated")}
"""
# Names that differ in case and inner blanks only are one, shown as first seen.
FORM = r"lower(regexp_replace({name}, '[\\x09-\\x0d\\x1c-\\x20\\x85\\p{{Z}}]+', ' '))"
FIRST = "min_by({name}, struct(ordered_at, {name}))"
# Products as they were sold, and as they came back.
LINES = f"""
WITH sold AS (
  SELECT month, day, cancelled, ordered_at, factor, line.products AS product, line.quantities AS quantity,
    line.lines_minor * factor AS value, line.measures_micro AS micro
  FROM orders LATERAL VIEW explode(arrays_zip(products, quantities, lines_minor, measures_micro)) AS line),
moved AS (
  SELECT month, day, ordered_at, product, quantity AS gross_quantity, IF(cancelled, 0, quantity) AS quantity,
    IF(cancelled, 0, value) AS value, IF(cancelled, 0, micro) AS micro, 0 AS returned, 0 AS returned_value
  FROM sold
  UNION ALL
  SELECT month, day, ordered_at, product, 0, 0, 0, 0, quantity, value FROM refunds WHERE product IS NOT NULL),
shown AS (SELECT {FORM.format(name="product")} AS form, {FIRST.format(name="product")} AS name FROM moved GROUP BY 1)
SELECT moved.* EXCEPT (product), name AS product FROM moved JOIN shown ON {FORM.format(name="product")} = form
"""
COUNTS = "count(cancelled) AS orders, count_if(cancelled) AS cancelled_orders"
REVENUE = "major(reported(sum(kept_value))) AS revenue, reported(sum(kept_value)) AS revenue_minor"
RATIOS = """count_if(NOT cancelled AND value IS NOT NULL) AS kept_orders,
  half_up(reported(sum(kept_value)), count_if(NOT cancelled AND value IS NOT NULL)) AS average_order_value_minor,
  percent(count_if(cancelled), count(cancelled)) AS cancellation_rate_pct"""
PIECES = """sum(quantity) AS quantity, sum(gross_quantity) AS gross_quantity, reported(sum(value)) AS revenue_minor,
    sum(quantity) - sum(returned) AS net_quantity, coalesce(sum(micro), 0) / 1000000D AS measured_quantity,
    reported(sum(value)) - reported(sum(returned_value)) AS net_revenue_minor"""
SOLD = """major(revenue_minor) AS revenue, revenue_minor, net_quantity, major(net_revenue_minor) AS net_revenue,
  net_revenue_minor, measured_quantity"""
BASKETS = """(1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5'), (6, '6-10'), (11, '11-20'), (21, '21-50'), (51, '51+')"""
NEWEST = "month >= (SELECT max(month) FROM {table})"
EARLIER = """month < (SELECT max(month) FROM {table}) AND month >= (
    SELECT min(month) FROM (SELECT DISTINCT month FROM {table} ORDER BY month DESC LIMIT 1 + {months}))"""
HOURS = f"""
SELECT date_format(ordered_at, "yyyy-MM-dd'T'HH:00xxx") AS hour, date_trunc('HOUR', ordered_at) AS period_start,
  channel, {COUNTS}, {REVENUE}, count_if(NOT cancelled AND value IS NOT NULL) AS kept_orders
FROM orders WHERE $which GROUP BY 1, 2, channel"""
PRODUCT_DAYS = f"""
WITH sums AS (SELECT month, day, product, {PIECES} FROM lines WHERE $which GROUP BY month, day, product),
moved AS (SELECT * FROM sums WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0),
ranked AS (
  SELECT month, product, row_number() OVER (PARTITION BY month ORDER BY sum(quantity) DESC, product) AS rank
  FROM moved GROUP BY month, product)
SELECT day, product, quantity, revenue_minor, net_quantity, net_revenue_minor
FROM moved JOIN ranked USING (month, product) WHERE rank <= {DAILY_PRODUCTS}"""
CITY_DAYS = f"""
WITH delivered AS (SELECT *, {FORM.format(name="city")} AS form FROM orders WHERE NOT cancelled AND city IS NOT NULL),
named AS (SELECT form, {FIRST.format(name="city")} AS name FROM delivered GROUP BY form),
moved AS (
  SELECT month, day, name AS city, count(*) AS orders, reported(sum(kept_value)) AS revenue_minor
  FROM delivered JOIN named USING (form) WHERE $which GROUP BY month, day, name),
ranked AS (
  SELECT month, city, row_number() OVER (PARTITION BY month ORDER BY sum(revenue_minor) DESC, city) AS rank
  FROM moved GROUP BY month, city)
SELECT day, city, orders, revenue_minor FROM moved JOIN ranked USING (month, city) WHERE rank <= {CITIES}"""
KPIS = {
    "revenue_by_month_and_channel": f"""
WITH moved AS (
  SELECT month, channel, cancelled, value, kept_value, 0 AS given_back FROM orders
  UNION ALL SELECT month, channel, NULL, NULL, NULL, value FROM refunds),
sums AS (
  SELECT month, channel, {COUNTS}, {REVENUE}, reported(sum(value)) AS gross_revenue_minor, {RATIOS},
    reported(sum(given_back)) AS refunds_minor, count_if(cancelled IS NOT NULL AND value IS NULL) AS unconverted
  FROM moved GROUP BY month, channel)
SELECT *, to_timestamp(month || '-01') AS period_start, major(gross_revenue_minor) AS gross_revenue,
  major(refunds_minor) AS refunds, major(revenue_minor - refunds_minor) AS net_revenue,
  revenue_minor - refunds_minor AS net_revenue_minor
FROM sums""",
    "top_products": f"""
SELECT row_number() OVER (ORDER BY quantity DESC, product) AS rank, product, quantity, gross_quantity, {SOLD}
FROM (SELECT product, {PIECES} FROM lines GROUP BY product) WHERE quantity > 0 ORDER BY rank LIMIT {TOP}""",
    "cancellation_rate_by_channel": f"""
SELECT channel, {COUNTS}, percent(count_if(cancelled), count(*)) AS cancellation_rate_pct
FROM orders GROUP BY channel""",
    "average_order_value_by_channel": """
WITH sums AS (
  SELECT channel, count_if(NOT cancelled) AS orders, count(*) AS gross_orders,
    reported(sum(kept_value)) AS revenue_minor, reported(sum(value)) AS gross_revenue_minor,
    count_if(NOT cancelled AND value IS NOT NULL) AS kept_orders, count(value) AS valued_orders
  FROM orders GROUP BY channel)
SELECT *, major(half_up(revenue_minor, kept_orders)) AS average_order_value,
  major(half_up(gross_revenue_minor, valued_orders)) AS gross_average_order_value
FROM sums""",
    "orders_by_day_and_channel": f"""
SELECT day, to_timestamp(day) AS period_start, channel, {COUNTS}, {REVENUE}, {RATIOS}
FROM orders WHERE day IN (SELECT DISTINCT day FROM orders ORDER BY day DESC LIMIT {DAYS}) GROUP BY day, channel""",
    "orders_by_earlier_day": f"""
SELECT day, to_timestamp(day) AS period_start, channel, {COUNTS}, {REVENUE}, {RATIOS}
FROM orders WHERE day < (SELECT max(month) || '-01' FROM orders) GROUP BY day, channel""",
    "products_by_month": f"""
WITH sums AS (SELECT month, product, {PIECES} FROM lines GROUP BY month, product),
moved AS (SELECT * FROM sums WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0),
ranked AS (
  SELECT month, to_timestamp(month || '-01') AS period_start,
    row_number() OVER (PARTITION BY month ORDER BY quantity DESC, product) AS rank, product, quantity, {SOLD}
  FROM moved WHERE month IN (SELECT DISTINCT month FROM moved ORDER BY month DESC LIMIT {MONTHS}))
SELECT * FROM ranked WHERE rank <= {PRODUCTS}""",
    "share_by_channel": """
WITH kept AS (
  SELECT channel, count_if(NOT cancelled) AS orders, reported(sum(kept_value)) AS revenue_minor
  FROM orders GROUP BY channel)
SELECT channel, orders, percent(orders, sum(orders) OVER ()) AS orders_share_pct, major(revenue_minor) AS revenue,
  revenue_minor, percent(revenue_minor, sum(revenue_minor) OVER ()) AS revenue_share_pct
FROM kept""",
    "basket_size_distribution": f"""
WITH sized AS (
  SELECT kept_value, (SELECT max(low) FROM VALUES {BASKETS} AS of(low, name)
    WHERE low <= aggregate(quantities, 0L, (sum, quantity) -> sum + quantity)) AS pieces_from
  FROM orders WHERE NOT cancelled)
SELECT name AS basket, pieces_from, count(*) AS orders, percent(count(*), sum(count(*)) OVER ()) AS orders_share_pct,
  {REVENUE} FROM sized JOIN VALUES {BASKETS} AS of(low, name) ON low = pieces_from GROUP BY name, pieces_from""",
    "orders_by_weekday_and_hour": f"""
SELECT weekday(ordered_at) + 1 AS weekday, hour(ordered_at) AS hour, count(*) AS orders, {REVENUE}
FROM orders WHERE NOT cancelled GROUP BY 1, 2""",
    "repeat_customers_by_month": """
SELECT month, to_timestamp(month || '-01') AS period_start, count(*) AS customers,
  count_if(orders > 1) AS repeat_customers, percent(count_if(orders > 1), count(*)) AS repeat_rate_pct
FROM (SELECT month, customer, count(*) AS orders FROM orders WHERE NOT cancelled AND customer IS NOT NULL
  GROUP BY month, customer) GROUP BY month""",
    "revenue_by_city": f"""
SELECT row_number() OVER (ORDER BY revenue_minor DESC, city) AS rank, * FROM (
  SELECT {FIRST.format(name="city")} AS city, count(*) AS orders, {REVENUE}
  FROM orders WHERE NOT cancelled AND city IS NOT NULL GROUP BY {FORM.format(name="city")})
ORDER BY rank LIMIT {CITIES}""",
    "orders_by_hour_and_channel": HOURS.replace("$which", NEWEST.format(table="orders")),
    "orders_by_earlier_hour": HOURS.replace("$which", EARLIER.format(table="orders", months=HOURLY_MONTHS)),
    "products_by_day": PRODUCT_DAYS.replace("$which", NEWEST.format(table="orders")),
    "products_by_earlier_day": PRODUCT_DAYS.replace("$which", EARLIER.format(table="orders", months=DAILY_MONTHS)),
    "cities_by_day": CITY_DAYS.replace("$which", NEWEST.format(table="delivered")),
    "cities_by_earlier_day": CITY_DAYS.replace("$which", EARLIER.format(table="delivered", months=DAILY_MONTHS)),
    TOP_NET: f"""
SELECT row_number() OVER (ORDER BY net_quantity DESC, product) AS rank, product, net_quantity, quantity,
  major(net_revenue_minor) AS net_revenue, net_revenue_minor
FROM (SELECT product, {PIECES} FROM lines GROUP BY product)
WHERE net_quantity > 0 ORDER BY rank LIMIT {NET_PRODUCTS}""",
    BY_CURRENCY: f"""
SELECT currency, count(*) AS orders, count_if(value IS NULL) AS unconverted, sum(kept_amount) / 10000D AS amount,
  {REVENUE} FROM orders GROUP BY currency""",
}


def main() -> int:
    """Recompute, compare, write, and print a line for each KPI."""
    chosen = arguments()
    spark = session(chosen.timezone)
    versions = versions_of(spark, chosen.lake)
    define(spark, chosen, versions)
    names = [name for name in KPIS if RATES_TABLE in versions or name not in (BY_CURRENCY, TOP_NET)]
    wrong = [name for name in names if not is_equal(spark, chosen, versions, name, spark.sql(KPIS[name]))]
    return 4 if wrong else 0


def is_equal(
    spark: SparkSession, chosen: argparse.Namespace, versions: dict[str, int], name: str, rows: DataFrame
) -> bool:
    """Compare the rows of a KPI, which are few, with those of the lake, if it has them, by the columns recomputed."""
    if chosen.output:
        rows = rows.cache()
        rows.write.mode("overwrite").parquet(f"{chosen.output}/{name}")
    if f"kpi_{name}" not in versions:
        print(f"{name}: {rows.count()} rows", flush=True)
        return True
    held = table(spark, chosen.lake, f"kpi_{name}", versions)
    rows = rows.drop(*(NET - set(held.columns)))
    found = Counter(rows.collect())
    # Amounts in the lake are decimals; the nearest double of each is what is recomputed here.
    stored = Counter(held.select(*(held[field.name].cast(field.dataType) for field in rows.schema)).collect())
    differing = (found - stored).total() + (stored - found).total()
    print(f"{name}: {found.total()} rows, {f'{differing} differ' if differing else 'equal'}", flush=True)
    return not differing


def arguments() -> argparse.Namespace:
    """The lake, and the settings under which its KPIs were computed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True, help="folder, or s3a://bucket/prefix")
    parser.add_argument("--output", help="folder for the KPIs as Parquet, one folder each")
    parser.add_argument("--timezone", default="UTC", help="the setting `timezone` of MultiMarket")
    parser.add_argument("--currency", default="EUR", help="its setting `currency` of orders")
    parser.add_argument("--decimals", type=int, default=2, help="those of this currency, by ISO 4217")
    parser.add_argument("--cancelled", nargs="*", default=["annulée"], help="its setting `cancelled_statuses`")
    return parser.parse_args()


def session(timezone: str) -> SparkSession:
    """A session that knows Delta, in the business time zone."""
    return (
        SparkSession.builder.appName("multimarket-orders")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", timezone)
        .config("spark.databricks.delta.snapshotPartitions", 2)
        .getOrCreate()
    )


def versions_of(spark: SparkSession, lake: str) -> dict[str, int]:
    """The version of each table that belongs to the generation in the lake."""
    rows = spark.read.format("delta").load(f"{lake}/generations").collect()
    return {row["table"]: row["version"] for row in rows}


def table(spark: SparkSession, lake: str, name: str, versions: dict[str, int]) -> DataFrame:
    """A table of the lake, as the generation has it."""
    return spark.read.format("delta").option("versionAsOf", versions[name]).load(f"{lake}/{name}")


def define(spark: SparkSession, chosen: argparse.Namespace, versions: dict[str, int]) -> None:
    """Create the functions and views that KPIs read. The orders are kept: each KPI reads them all."""
    for function in FUNCTIONS:
        spark.sql(function.format(whole=10 ** (16 - chosen.decimals), unit=10**chosen.decimals))
    documents(spark, chosen.lake, versions).createOrReplaceTempView("documents")
    rates(spark, chosen.lake, versions).createOrReplaceTempView(RATES_TABLE)
    statuses = ", ".join("'" + status.replace("'", "\\'") + "'" for status in chosen.cancelled) or "NULL"
    spark.sql(RATES.format(currency=chosen.currency)).createOrReplaceTempView("rates")
    spark.sql(FACTS.format(currency=chosen.currency, cancelled=statuses)).createOrReplaceTempView("facts")
    spark.sql(ORDERS).cache().createOrReplaceTempView("orders")
    spark.sql(REFUNDS).cache().createOrReplaceTempView("refunds")
    spark.sql(LINES).createOrReplaceTempView("lines")


def documents(spark: SparkSession, lake: str, versions: dict[str, int]) -> DataFrame:
    """The orders and credit notes, with all columns."""
    rows = table(spark, lake, "commandes", versions)
    lacking = {name: type_ for name, type_ in EXPORTED.items() if name not in rows.columns}
    return rows.withColumns({name: lit(None).cast(type_) for name, type_ in lacking.items()})


def rates(spark: SparkSession, lake: str, versions: dict[str, int]) -> DataFrame:
    """The exchange rates: in so many reporting units of 10^-12."""
    if RATES_TABLE in versions:
        return table(spark, lake, RATES_TABLE, versions)
    return spark.createDataFrame([], "currency STRING, since STRING, rate BIGINT")


if __name__ == "__main__":
    sys.exit(main())
