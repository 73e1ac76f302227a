"""KPIs of orders, recomputed by Spark from the lake's documents, and compared with the lake's KPI tables.

    spark-submit --packages io.delta:delta-spark_2.13:4.0.0 orders.py --lake data/lake [--output FOLDER]

Documents and KPIs are read in the versions that the table `generations` names, so both are of one moment; a document
that came since is a difference. Amounts are whole minor units, so sums are exact in any order, on any number of
machines. What follows from refunds is not recomputed, and of orders in several currencies nothing is.
Ends with 0, with 4 where a KPI differs, or with 2 where there are several currencies.
"""

import argparse
import sys
from collections import Counter

from pyspark.sql import DataFrame, SparkSession

DAYS, TOP, MONTHS, PRODUCTS, CITIES = 92, 10, 13, 20, 50
FUNCTIONS = (
    """CREATE OR REPLACE TEMPORARY FUNCTION half_up(n DECIMAL(30, 0), d DECIMAL(30, 0)) RETURNS BIGINT
       RETURN CASE WHEN d <> 0 THEN CAST((2 * n + d) div (2 * d) AS BIGINT) END""",
    """CREATE OR REPLACE TEMPORARY FUNCTION percent(part DECIMAL(30, 0), whole DECIMAL(30, 0)) RETURNS DOUBLE
       RETURN half_up(10000 * part, whole) / 100D""",
)
# Of documents: what is not one has no amount. `local` is in the session's time zone, as all functions of dates are.
ORDERS = """
SELECT _id, channel, customer, city, minor, ordered_at, date_format(ordered_at, 'yyyy-MM') AS month,
  date_format(ordered_at, 'yyyy-MM-dd') AS day, products, quantities, lines_minor,
  coalesce(status IN ({cancelled}), false) AS cancelled,
  CASE WHEN NOT coalesce(status IN ({cancelled}), false) THEN minor ELSE 0 END AS kept_minor
FROM documents WHERE minor IS NOT NULL AND NOT (own_decimals IS NOT NULL AND coalesce(is_credit, false))
"""
CURRENCIES = "SELECT DISTINCT own_currency, own_decimals FROM documents WHERE own_currency IS NOT NULL"
# Names that differ in case and inner blanks only are one, shown as first seen.
FORM = r"lower(regexp_replace({name}, '[\\x09-\\x0d\\x1c-\\x20\\x85\\p{{Z}}]+', ' '))"
FIRST = "min_by({name}, struct(ordered_at, {name}))"
LINES = f"""
WITH sold AS (
  SELECT month, cancelled, ordered_at, line.products AS product, line.quantities AS quantity, line.lines_minor AS minor
  FROM orders LATERAL VIEW explode(arrays_zip(products, quantities, lines_minor)) AS line),
shown AS (SELECT {FORM.format(name="product")} AS form, {FIRST.format(name="product")} AS product FROM sold GROUP BY 1)
SELECT month, cancelled, shown.product, quantity, minor
FROM sold JOIN shown ON {FORM.format(name="sold.product")} = form
"""
COUNTS = "count(*) AS orders, count_if(cancelled) AS cancelled_orders"
REVENUE = "sum(kept_minor) / 100D AS revenue, sum(kept_minor) AS revenue_minor"
RATIOS = """count_if(NOT cancelled) AS kept_orders,
  half_up(sum(kept_minor), count_if(NOT cancelled)) AS average_order_value_minor,
  percent(count_if(cancelled), count(*)) AS cancellation_rate_pct"""
SOLD = "sum(quantity) AS quantity, sum(minor) / 100D AS revenue, sum(minor) AS revenue_minor"
BASKETS = """(1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5'), (6, '6-10'), (11, '11-20'), (21, '21-50'), (51, '51+')"""
KPIS = {
    "revenue_by_month_and_channel": f"""
SELECT month, to_timestamp(month || '-01') AS period_start, channel, {COUNTS}, {REVENUE},
  sum(minor) / 100D AS gross_revenue, sum(minor) AS gross_revenue_minor, {RATIOS}
FROM orders GROUP BY month, channel""",
    "top_products": f"""
SELECT row_number() OVER (ORDER BY quantity DESC, product) AS rank, * FROM (
  SELECT product, coalesce(sum(quantity) FILTER (WHERE NOT cancelled), 0) AS quantity, sum(quantity) AS gross_quantity,
    coalesce(sum(minor) FILTER (WHERE NOT cancelled), 0) / 100D AS revenue,
    coalesce(sum(minor) FILTER (WHERE NOT cancelled), 0) AS revenue_minor
  FROM lines GROUP BY product) WHERE quantity > 0 ORDER BY rank LIMIT {TOP}""",
    "cancellation_rate_by_channel": f"""
SELECT channel, {COUNTS}, percent(count_if(cancelled), count(*)) AS cancellation_rate_pct
FROM orders GROUP BY channel""",
    "average_order_value_by_channel": """
SELECT channel, count_if(NOT cancelled) AS orders,
  half_up(sum(kept_minor), count_if(NOT cancelled)) / 100D AS average_order_value,
  count(*) AS gross_orders, half_up(sum(minor), count(*)) / 100D AS gross_average_order_value
FROM orders GROUP BY channel""",
    "orders_by_day_and_channel": f"""
SELECT day, to_timestamp(day) AS period_start, channel, {COUNTS}, {REVENUE}, {RATIOS}
FROM orders WHERE day IN (SELECT DISTINCT day FROM orders ORDER BY day DESC LIMIT {DAYS}) GROUP BY day, channel""",
    "orders_by_earlier_day": f"""
SELECT day, to_timestamp(day) AS period_start, channel, {COUNTS}, {REVENUE}, {RATIOS}
FROM orders WHERE day < (SELECT max(month) || '-01' FROM orders) GROUP BY day, channel""",
    "products_by_month": f"""
WITH sold AS (SELECT month, product, {SOLD} FROM lines WHERE NOT cancelled GROUP BY month, product),
ranked AS (
  SELECT month, to_timestamp(month || '-01') AS period_start,
    row_number() OVER (PARTITION BY month ORDER BY quantity DESC, product) AS rank, product, quantity, revenue,
    revenue_minor
  FROM sold WHERE month IN (SELECT DISTINCT month FROM sold ORDER BY month DESC LIMIT {MONTHS}))
SELECT * FROM ranked WHERE rank <= {PRODUCTS}""",
    "share_by_channel": """
WITH kept AS (
  SELECT channel, count_if(NOT cancelled) AS orders, sum(kept_minor) AS revenue_minor FROM orders GROUP BY channel)
SELECT channel, orders, percent(orders, sum(orders) OVER ()) AS orders_share_pct, revenue_minor / 100D AS revenue,
  revenue_minor, percent(revenue_minor, sum(revenue_minor) OVER ()) AS revenue_share_pct
FROM kept""",
    "basket_size_distribution": f"""
WITH sized AS (
  SELECT kept_minor, (SELECT max(low) FROM VALUES {BASKETS} AS of(low, name)
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
}


def main() -> int:
    """Recompute, compare, write, and print a line for each KPI."""
    chosen = arguments()
    spark = session(chosen.timezone)
    versions = versions_of(spark, chosen.lake)
    define(spark, table(spark, chosen.lake, "commandes", versions), chosen.cancelled)
    if (currencies := spark.sql(CURRENCIES).count()) > 1:
        print(f"The orders are in {currencies} currencies: this job sums amounts of one.", file=sys.stderr)
        return 2
    wrong = [name for name, query in KPIS.items() if not is_equal(spark, chosen, versions, name, spark.sql(query))]
    return 4 if wrong else 0


def is_equal(
    spark: SparkSession, chosen: argparse.Namespace, versions: dict[str, int], name: str, rows: DataFrame
) -> bool:
    """Compare the rows of a KPI, which are few, with those of the lake, if it has them, by the columns recomputed."""
    if chosen.output:
        rows = rows.cache()
        rows.write.mode("overwrite").parquet(f"{chosen.output}/{name}")
    found = Counter(rows.collect())
    if f"kpi_{name}" not in versions:
        print(f"{name}: {found.total()} rows", flush=True)
        return True
    held = table(spark, chosen.lake, f"kpi_{name}", versions)
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


def define(spark: SparkSession, documents: DataFrame, cancelled: list[str]) -> None:
    """Create the functions and views that KPIs read. The orders are kept: each KPI reads them all."""
    for function in FUNCTIONS:
        spark.sql(function)
    documents.createOrReplaceTempView("documents")
    statuses = ", ".join("'" + status.replace("'", "\\'") + "'" for status in cancelled) or "NULL"
    spark.sql(ORDERS.format(cancelled=statuses)).cache().createOrReplaceTempView("orders")
    spark.sql(LINES).createOrReplaceTempView("lines")


if __name__ == "__main__":
    sys.exit(main())
