"""The files of retail as SQL tables (DuckDB), and store days of them.

It shares nothing with the readers or the queries of the KPIs: an error in these shows as a difference.
"""

from collections.abc import Mapping

from multimarket_async.domains import Received
from multimarket_async.domains.retail.feeds import COLUMNS
from multimarket_async.domains.retail.settings import RetailSettings

# Of each field of a record its kind, and the condition under which a value of it is good; {} is the value as text.
TEXT = "word", "length(trim({0})) BETWEEN 1 AND 1000 AND NOT contains({0}, chr(0))"
ID = "word", "length(trim({0})) > 0 AND length({0}) <= 200 AND NOT contains({0}, chr(0))"
STORE_ID = "word", f"{ID[1]} AND {{0}} <> '(all)'"
COUNT = "whole", "try_cast({0} AS HUGEINT) BETWEEN 0 AND 1000000000"
POSITIVE = "whole", "try_cast({0} AS HUGEINT) BETWEEN 1 AND 1000000000"
HOUR = "whole", "try_cast({0} AS HUGEINT) BETWEEN 0 AND 23"
CLOCK = "word", "length({0}) <= 2 AND try_cast({0} AS INT) BETWEEN 0 AND 24"
AMOUNT = "number", "try_cast({0} AS DOUBLE) BETWEEN 0 AND 1e10"
DAY = "word", r"regexp_full_match({0}, '\d{{4}}-\d\d-\d\d') AND try_cast({0} AS DATE) >= DATE '1970-01-02'"
TIME = "word", r"regexp_full_match({0}, '\d\d:\d\d:\d\d') AND try_cast({0} AS TIME) IS NOT NULL"
NULLABLE = {"retail_footfall": {"visitors", "sales"}, "retail_products": {"since"}}
FIELDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "retail_stores": {
        "id": STORE_ID, "name": TEXT, "location": TEXT, "capacity": COUNT,
        "opening_hour": CLOCK, "closing_hour": CLOCK,
    },
    "retail_products": {
        "id": ID, "name": TEXT, "category": TEXT, "price": AMOUNT, "cost": AMOUNT, "since": DAY,
    },
    "retail_footfall": {
        "store_id": STORE_ID, "store_name": TEXT, "date": DAY, "hour": HOUR, "visitors": COUNT, "sales": COUNT,
    },
    "retail_sales": {
        "sale_id": ID, "nb_type_product": POSITIVE, "product_id": ID, "client_id": ID, "store_id": STORE_ID,
        "quantity": POSITIVE, "sale_amount": AMOUNT, "sale_date": DAY, "sale_time": TIME,
    },
}  # fmt: skip
HELPERS = r"""
CREATE MACRO half(n, d) AS CASE WHEN d <> 0 THEN 0.01::DECIMAL(3, 2) * CASE
  WHEN n::HUGEINT * sign(d) >= 0 THEN (200 * abs(n::HUGEINT) + abs(d::HUGEINT)) // (2 * abs(d::HUGEINT))
  ELSE -((200 * abs(n::HUGEINT) + abs(d::HUGEINT) - 1) // (2 * abs(d::HUGEINT))) END END;
CREATE MACRO word(value) AS CASE WHEN json_type(value) IN ('VARCHAR', 'BIGINT', 'UBIGINT') THEN value->>'$' END;
CREATE MACRO whole(value) AS CASE WHEN json_type(value) IN ('BIGINT', 'UBIGINT') THEN value->>'$' END;
CREATE MACRO number(value) AS CASE WHEN json_type(value) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN value->>'$' END;
CREATE MACRO of_lines(paths) AS list_filter(paths, lambda path: regexp_matches(path, '\.(ndjson|jsonl)(\.gz)?$'));
CREATE MACRO others(paths) AS list_filter(paths, lambda path: NOT regexp_matches(path, '\.(ndjson|jsonl)(\.gz)?$'));
"""
# Hours and goods by day, with costs of the lists as they were received.
STORE_DAYS = """
CREATE TABLE hours AS
SELECT store_id AS store, date, hour::INT AS hour, store_name, visitors::BIGINT AS visitors, sales::BIGINT AS sales
FROM good_footfall QUALIFY row_number() OVER (PARTITION BY store_id, date, hour::INT ORDER BY version DESC, n DESC) = 1;
CREATE TABLE counted AS
WITH good AS (SELECT * FROM hours WHERE visitors <= {most} AND sales >= 0)
SELECT h.*, visitors IS NULL OR visitors > {most} AS faulty, CASE WHEN NOT faulty THEN visitors ELSE coalesce(
  (SELECT floor((2 * coalesce(h.sales, 0)::HUGEINT * sum(g.visitors) + sum(g.sales)) // (2 * sum(g.sales)))::BIGINT
   FROM good g WHERE g.store = h.store HAVING sum(g.sales) > 0), 0) END AS came
FROM hours h;
CREATE TABLE prices AS
SELECT id AS product, name, coalesce(since, strftime(received + shift, '%Y-%m-%d')) AS since,
  (cost::DECIMAL(28, {exponent}) * {scale})::BIGINT AS cost
FROM (SELECT *, make_timestamp(('0x' || version[:16])::BIGINT // 1000) AS received FROM good_products)
  ASOF JOIN zone ON received >= utc_from
QUALIFY row_number() OVER (PARTITION BY product, since ORDER BY version DESC, n DESC) = 1;
CREATE TABLE lines AS
SELECT sale_id, product_id AS product, store_id AS store, sale_date AS date, quantity::BIGINT AS quantity,
  (sale_amount::DECIMAL(28, {exponent}) * {scale})::BIGINT AS minor
FROM good_sales QUALIFY row_number() OVER (PARTITION BY sale_id, product_id ORDER BY version, n) = 1;
CREATE TABLE products_sold AS
WITH sold AS (
  SELECT date, store, product, sum(quantity) AS quantity, sum(minor) AS minor, count(*) AS lines
  FROM lines GROUP BY ALL)
SELECT sold.*, coalesce((SELECT max_by(name, since) FROM prices p WHERE p.product = sold.product), product) AS name,
  coalesce((SELECT max_by(cost, since) FROM prices p WHERE p.product = sold.product AND p.since <= sold.date),
    (SELECT min_by(cost, since) FROM prices p WHERE p.product = sold.product)) AS cost
FROM sold;
CREATE TABLE store_day AS
WITH flow AS (
  SELECT date, store, sum(came)::BIGINT AS visitors, coalesce(sum(sales), 0)::BIGINT AS tickets,
    count(*) FILTER (faulty) AS imputed, count(*) FILTER (sales IS NULL) AS silent,
    list(hour ORDER BY came DESC, hour)[1] AS peak_visitors,
    list(hour ORDER BY coalesce(sales, 0) DESC, hour)[1] AS peak_tickets
  FROM counted GROUP BY date, store),
goods AS (
  SELECT date, store, sum(quantity)::BIGINT AS quantity, sum(minor)::BIGINT AS revenue,
    coalesce(sum(quantity * cost), 0)::BIGINT AS cost, sum(CASE WHEN cost IS NULL THEN lines ELSE 0 END) AS costless,
    list(name ORDER BY quantity DESC, name, product)[1] AS best_seller
  FROM products_sold GROUP BY date, store),
listed AS (SELECT id, name FROM good_stores WHERE version = (SELECT max(version) FROM good_stores)
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY n DESC) = 1)
SELECT coalesce(f.date, g.date) AS date, coalesce(f.store, g.store) AS store,
  coalesce((SELECT name FROM listed WHERE id = coalesce(f.store, g.store)),
    (SELECT max_by(store_name, date) FROM hours h WHERE h.store = coalesce(f.store, g.store)), g.store) AS store_name,
  coalesce(visitors, 0) AS visitors, coalesce(tickets, 0) AS tickets, coalesce(quantity, 0) AS quantity,
  coalesce(revenue, 0) AS revenue, coalesce(cost, 0) AS cost, best_seller, peak_visitors, peak_tickets,
  coalesce(imputed, 0) AS imputed, coalesce(silent, 0) AS silent, coalesce(costless, 0)::BIGINT AS costless
FROM flow f FULL JOIN goods g ON f.date = g.date AND f.store = g.store;
"""


def received(settings: RetailSettings) -> Received:
    """The tables, and the columns of the CSV files."""
    facts = {"most": settings.most_visitors_per_hour, "exponent": settings.exponent, "scale": 10**settings.exponent}
    good = "".join(map(_good, FIELDS))
    csv = {feed: tuple(columns.columns) for feed, columns in COLUMNS.items() if feed in FIELDS}
    return Received(HELPERS + good + STORE_DAYS.format(**facts), csv=csv)


def _good(feed: str) -> str:
    """The good records of a feed, as text, with the version of their file and their order."""
    fields = FIELDS[feed]
    nullable = NULLABLE.get(feed, set())
    from_json = ", ".join(f"{kind}({name}) AS {name}" for name, (kind, _) in fields.items())
    paths = ", ".join(f"'$.{name}'" for name in fields)
    values = ", ".join(f"found[{at}] AS {name}" for at, name in enumerate(fields, 1))
    empty = "".join(
        f" AND (coalesce(json_type({name}), 'NULL') = 'NULL' OR {fields[name][0]}({name}) IS NOT NULL)"
        for name in sorted(nullable)
    )
    delivered = {name: f"nullif(trim({name}), '')" for name in COLUMNS[feed].columns}
    from_csv = ", ".join(f"{delivered.get(name, 'NULL::VARCHAR')} AS {name}" for name in fields)
    conditions = " AND ".join(
        f"({name} IS NULL OR {good.format(name)})" if name in nullable else f"coalesce({good.format(name)}, false)"
        for name, (_, good) in fields.items()
    )
    required = "".join(f" AND {name} IS NOT NULL" for name in sorted(nullable - {"since"}))
    options = "filename=true, maximum_object_size=16777216"
    table = f"good_{feed.removeprefix('retail_')}"
    # A statement for each way to read: each takes memory for the largest object.
    return f"""
CREATE TABLE {table} AS
WITH records AS (SELECT {from_csv}, version, "row" AS n FROM {feed}) SELECT * FROM records WHERE {conditions};
""" + "".join(
        f"""
INSERT INTO {table} BY NAME
WITH objects AS (
  SELECT json_extract(json, [{paths}]) AS found, filename, row_number() OVER () AS n FROM read_json_objects(
    list_concat(getvariable('no_file'), {files}(getvariable('{feed}'))), {options}{how}) WHERE json IS NOT NULL),
named AS (SELECT {values}, version, n FROM objects JOIN files ON path = filename),
records AS (SELECT {from_json}, version, n FROM named WHERE true{empty}{required})
SELECT * FROM records WHERE {conditions};
"""
        for files, how in (("others", ""), ("of_lines", ", format='newline_delimited', ignore_errors=true"))
    )
