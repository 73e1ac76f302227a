r"""The received files as SQL tables (DuckDB): cut into lines and fields here, and each rule spelled anew.

It shares nothing with the readers: an error in these shows as a difference.
"""

from collections.abc import Mapping

from multimarket_async.domains.bikes import results
from multimarket_async.domains.bikes.settings import BikeSettings

FEEDS = {"bikes": "bikes", "bikeshops": "bikeshops", "orders": "bike_orders", "customers": "bike_customers"}
# A pattern must be constant: one that is composed for each line takes a hundred times as long.
CUT = "CREATE MACRO cut(line, d) AS CASE d {} END;"
BY_DELIMITER = r"""WHEN '{0}' THEN regexp_extract_all('{0}' || line, '[{0}]( *"(?:[^"]|"")*"|[^{0}]*)', 1)"""
MACROS = (
    CUT.format(" ".join(map(BY_DELIMITER.format, ",;\t|")))
    + r"""
CREATE MACRO bare(field) AS trim(field, ' ' || chr(9) || chr(160));
CREATE MACRO unquoted(field) AS bare(CASE WHEN bare(field) LIKE '"%"' AND length(bare(field)) > 1
  THEN replace(bare(field)[2:-2], '""', '"') ELSE field END);
CREATE MACRO delimiter_of(line) AS list_extract(list_reverse_sort(list_transform([',', ';', e'\t', '|'],
  lambda d: {'fields': len(cut(line, d)), 'd': d})), 1).d;
CREATE MACRO a_number(value) AS try_cast(replace(value, ',', '.') AS DOUBLE);
CREATE MACRO an_amount(value) AS CASE WHEN regexp_full_match(value, '[+-]?[0-9]+([.,][0-9]{1,2}0*)?')
  THEN (replace(value, ',', '.')::DECIMAL(18, 2) * 100)::BIGINT END;
CREATE MACRO an_integer(value) AS CASE WHEN regexp_full_match(value, '[+-]?[0-9]+([.]0+)?')
  THEN try_cast(split_part(value, '.', 1) AS BIGINT) END;
CREATE MACRO part(value, place) AS string_split_regex(value, '[-/.]')[place];
CREATE MACRO order_of(value) AS CASE WHEN regexp_full_match(value, '[0-9]{4}[-/.].*') THEN 'ymd'
  WHEN try_cast(part(value, 1) AS INT) > 12 THEN 'dmy' WHEN try_cast(part(value, 2) AS INT) > 12 THEN 'mdy' END;
CREATE MACRO a_date(value, o) AS CASE WHEN NOT regexp_full_match(value, '[0-9]+([-/.])[0-9]+([-/.])[0-9]+') THEN NULL
  WHEN o = 'ymd' THEN try_cast(concat_ws('-', part(value, 1), part(value, 2), part(value, 3)) AS DATE)
  WHEN o = 'dmy' THEN try_cast(concat_ws('-', part(value, 3), part(value, 2), part(value, 1)) AS DATE)
  ELSE try_cast(concat_ws('-', part(value, 3), part(value, 1), part(value, 2)) AS DATE) END;
CREATE MACRO missing(value) AS coalesce(value, '') = '';
CREATE MACRO written_at(version) AS make_timestamp(('0x' || left(version, 16))::BIGINT // 1000);
"""
)


def _lines(kind: str, feed: str) -> str:
    """A statement for the table `<kind>_lines`: the fields of each line by header, as `fields`, and faults of form."""
    return rf"""
CREATE TABLE {kind}_lines AS
WITH physical AS (
  SELECT path, version, unnest(lines) AS text, generate_subscripts(lines, 1) AS line
  FROM (SELECT path, version, regexp_split_to_array(content, '\r\n|\n|\r') AS lines
    FROM read_text(getvariable('{feed}')) r JOIN (
      SELECT min(path) AS path, version FROM files WHERE feed = '{feed}' GROUP BY version) ON path = r.filename)),
first AS (SELECT path, min(line) AS line, arg_min(text, line) AS head FROM physical WHERE text <> '' GROUP BY path),
heads AS MATERIALIZED (
  SELECT path, line, delimiter_of(head) AS d, list_transform(cut(head, d), lambda field: unquoted(field)) AS names
  FROM first),
parted AS (
  SELECT path, version, p.line, text, d, cut(text, d) AS raw, names
  FROM physical p JOIN heads h USING (path) WHERE p.line > h.line AND text <> '')
SELECT path, version, line, text, names, list_transform(raw, lambda field: unquoted(field)) AS fields,
  CASE WHEN list_bool_or(list_transform(raw, lambda field: bare(field) LIKE '"%'
      AND (bare(field) NOT LIKE '%"' OR length(bare(field)) = 1))) THEN 'unclosed_quote'
    WHEN array_to_string(list_transform(raw, lambda field: d || field), '') <> d || text THEN 'bad_quoting'
    WHEN len(raw) <> len(names) THEN 'wrong_field_count' END AS form
FROM parted WHERE NOT (len(raw) = 1 AND len(names) > 1 AND bare(text) = '');
"""


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"fields[list_position(names, '{header}')] AS {name}" for name, header in columns.items())


def _table(kind: str, columns: Mapping[str, str], reasons: Mapping[str, str], more: str = "", where: str = "") -> str:
    """A statement for `<kind>_read`: its columns as text, more ones, and `reasons`, the names of broken rules."""
    found = ", ".join(
        f"CASE WHEN {condition} THEN '{name.partition(' ')[0]}' END" for name, condition in reasons.items()
    )
    return f"""
CREATE TABLE {kind}_read AS
WITH named AS (SELECT *, {_named(columns)} FROM {kind}_lines){where}
SELECT *, {more} CASE WHEN form IS NOT NULL THEN [form] ELSE list_distinct(list_filter([{found}]::VARCHAR[],
  lambda reason: reason IS NOT NULL)) END AS reasons FROM named{" JOIN dated USING (path)" if where else ""};
"""


def _needed(*names: str, kind: str = "an_integer", code: str = "not_an_integer") -> dict[str, str]:
    missing = {f"missing_value {name}": f"missing({name})" for name in names}
    return {**missing, **{f"{code} {name}": f"NOT missing({name}) AND {kind}({name}) IS NULL" for name in names}}


def _dated(column: str, declared: str) -> str:
    """A named query for the order of dates of each file: the declared one, or what its values say."""
    found = f"coalesce(max(order_of({column})), 'mdy')" if declared == "auto" else f"'{declared}'"
    return f", dated AS (SELECT path, {found} AS o FROM named GROUP BY path)"


def _missing(*names: str) -> dict[str, str]:
    return {f"missing_value {name}": f"missing({name})" for name in names}


def _read(settings: BikeSettings) -> str:
    degrees = ("latitude", "longitude")
    bikes = {
        **_needed("bike"),
        **_missing("model", "category1", "category2", "frame"),
        **_needed("price", kind="an_amount", code="not_an_amount"),
        "price_positive": "an_amount(price) <= 0",
    }
    shops = {
        **_needed("shop"),
        **_missing("name", "city", "state"),
        **_needed(*degrees, kind="a_number", code="not_a_number"),
        "latitude_on_earth": "abs(a_number(latitude)) > 90",
        "longitude_on_earth": "abs(a_number(longitude)) > 180",
    }
    orders = {
        **_needed("order_id", "line_number", "customer", "product", "quantity"),
        **_missing("dated_on"),
        "bad_date": "NOT missing(dated_on) AND a_date(dated_on, o) IS NULL",
        "quantity_positive": "an_integer(quantity) < 1",
        "dated_before_file": "start_of(a_date(dated_on, o)) > written_at(version) + INTERVAL 1 DAY",
    }
    customers = {
        **_needed("customer"),
        "bad_date": "NOT missing(born_on) AND a_date(born_on, o) IS NULL",
        "not_an_amount": "NOT missing(income) AND an_amount(income) IS NULL",
        "income_not_negative": "an_amount(income) < 0",
    }
    headers = {
        "bikes": {name: name for name in ("model", "category1", "category2", "frame", "price")} | {"bike": "bike.id"},
        "bikeshops": {name: f"bikeshop.{name}" for name in ("name", "city", "state")}
        | {"shop": "bikeshop.id", **{name: name for name in degrees}},
        "orders": {
            "order_id": "order.id",
            "line_number": "order.line",
            "dated_on": "order.date",
            "customer": "customer.id",
            "product": "product.id",
            "quantity": "quantity",
        },
        "customers": {"customer": "CustomerKey", "born_on": "BirthDate", "gender": "Gender", "income": "AnnualIncome"},
    }
    return (
        _table("bikes", headers["bikes"], bikes)
        + _table("bikeshops", headers["bikeshops"], shops)
        + _table("orders", headers["orders"], orders, where=_dated("dated_on", settings.order_dates))
        + _table("customers", headers["customers"], customers, where=_dated("born_on", settings.birth_dates))
    )


TABLES = r"""
CREATE TABLE price_lists AS
SELECT version, an_integer(bike) AS bike, arg_max(model, line) AS model, arg_max(category1, line) AS category,
  arg_max(frame, line) AS frame, arg_max(an_amount(price), line) AS price_minor,
  (SELECT max_by(shift, utc_from) FROM zone WHERE utc_from <= written_at(version)) + written_at(version) AS local
FROM bikes_read WHERE reasons = [] GROUP BY version, an_integer(bike);
CREATE TABLE listed AS SELECT * FROM price_lists WHERE version = (SELECT max(version) FROM bikes_lines);
CREATE TABLE shops AS
SELECT an_integer(shop) AS shop, arg_max(name, line) AS name, arg_max(city, line) AS city, arg_max(state, line) AS state
FROM bikeshops_read WHERE reasons = [] AND version = (SELECT max(version) FROM bikeshops_lines)
GROUP BY an_integer(shop);
CREATE TABLE customers AS
SELECT an_integer(customer) AS customer, arg_max({'is': nullif(gender, '')}, line)."is" AS gender,
  arg_max({'is': a_date(born_on, o)}, line)."is" AS born
FROM customers_read WHERE reasons = [] AND version = (SELECT max(version) FROM customers_lines)
GROUP BY an_integer(customer);
CREATE TABLE lines AS
SELECT an_integer(order_id) AS order_id, an_integer(line_number) AS number, a_date(dated_on, o) AS day,
  an_integer(customer) AS customer, an_integer(product) AS product, an_integer(quantity) AS quantity,
  order_id || '/' || number AS key
FROM orders_read WHERE reasons = []
QUALIFY row_number() OVER (PARTITION BY an_integer(order_id), an_integer(line_number)
  ORDER BY version DESC, line DESC) = 1;
CREATE TABLE sold AS
SELECT l.order_id, l.customer AS shop_id, strftime(day, '%Y') AS year, strftime(day, '%Y-%m') AS month, quantity,
  coalesce((SELECT arg_max(model, version) FROM price_lists p WHERE p.bike = l.product), 'unknown') AS model,
  coalesce((SELECT arg_max(category, version) FROM price_lists p WHERE p.bike = l.product), 'unknown') AS category,
  coalesce(s.name, 'unknown') AS shop, coalesce(s.city, 'unknown') AS city, coalesce(s.state, 'unknown') AS state,
  coalesce(c.gender, 'unknown') AS sex, quantity * coalesce(
    (SELECT arg_max(price_minor, version) FROM price_lists p WHERE p.bike = l.product AND p.local::DATE <= l.day),
    (SELECT arg_max(price_minor, version) FROM price_lists p WHERE p.bike = l.product), 0) AS revenue_minor
FROM lines l LEFT JOIN shops s ON s.shop = l.customer LEFT JOIN customers c USING (customer);
"""
# A rejected line is known by its text: the same text twice is one finding.
AUDIT = """
CREATE TABLE rejected AS
SELECT 'bikes' AS file, text AS key, unnest(reasons) AS rule FROM bikes_read
  WHERE version = (SELECT max(version) FROM bikes_lines)
UNION SELECT 'bikeshops', text, unnest(reasons) FROM bikeshops_read
  WHERE version = (SELECT max(version) FROM bikeshops_lines)
UNION SELECT 'customers', text, unnest(reasons) FROM customers_read
  WHERE version = (SELECT max(version) FROM customers_lines)
UNION SELECT 'orders', text, unnest(reasons) FROM orders_read
  WHERE coalesce(order_id, '') || '/' || coalesce(line_number, '') NOT IN (SELECT key FROM lines);
CREATE TABLE violations AS
SELECT * FROM rejected
UNION SELECT 'bikes', bike::VARCHAR, 'frame_known' FROM listed WHERE frame NOT IN ('Carbon', 'Aluminum')
UNION SELECT 'bikeshops', shop::VARCHAR, 'state_code' FROM shops WHERE NOT regexp_full_match(state, '[A-Z][A-Z]')
UNION SELECT 'customers', customer::VARCHAR, 'gender_given' FROM customers WHERE gender IS NULL
UNION SELECT 'customers', customer::VARCHAR, 'born_plausibly' FROM customers WHERE year(born) < 1900
UNION SELECT 'customers', customer::VARCHAR, 'customer_is_shop' FROM customers ANTI JOIN shops ON shop = customer
UNION SELECT 'orders', key, 'quantity_usual' FROM lines WHERE quantity > {usual}
UNION SELECT 'orders', key, 'product_listed' FROM lines ANTI JOIN listed ON bike = product
UNION SELECT 'orders', key, 'shop_known' FROM lines ANTI JOIN shops ON shop = customer
UNION SELECT 'orders', l.key, 'order_has_one_date' FROM lines l JOIN lines o USING (order_id) WHERE o.day <> l.day
UNION SELECT 'orders', l.key, 'order_has_one_shop' FROM lines l JOIN lines o USING (order_id)
  WHERE o.customer <> l.customer;
CREATE TABLE repeated AS
WITH counted AS (
  SELECT 'bikes' AS file, version, count(*) - count(DISTINCT an_integer(bike)) AS lines FROM bikes_read
    WHERE reasons = [] GROUP BY version
  UNION ALL SELECT 'bikeshops', version, count(*) - count(DISTINCT an_integer(shop)) FROM bikeshops_read
    WHERE reasons = [] GROUP BY version
  UNION ALL SELECT 'customers', version, count(*) - count(DISTINCT an_integer(customer)) FROM customers_read
    WHERE reasons = [] GROUP BY version)
SELECT file, sum(lines)::BIGINT AS lines FROM counted
WHERE (file = 'bikes' AND version = (SELECT max(version) FROM bikes_lines))
  OR (file = 'bikeshops' AND version = (SELECT max(version) FROM bikeshops_lines))
  OR (file = 'customers' AND version = (SELECT max(version) FROM customers_lines)) GROUP BY file
UNION ALL SELECT 'orders', sum(lines)::BIGINT FROM (
  SELECT any_value(lines) AS lines FROM (
    SELECT path, right(version, 8) AS content,
      count(*) - count(DISTINCT (an_integer(order_id), an_integer(line_number))) AS lines
    FROM orders_read WHERE reasons = [] GROUP BY ALL) GROUP BY content) HAVING count(*) > 0;
CREATE TABLE checked AS
SELECT file, sum(lines)::BIGINT AS lines FROM (
  SELECT 'bikes' AS file, count(*) AS lines FROM listed UNION ALL SELECT 'bikeshops', count(*) FROM shops
  UNION ALL SELECT 'customers', count(*) FROM customers UNION ALL SELECT 'orders', count(*) FROM lines
  UNION ALL SELECT file, count(DISTINCT key) FROM rejected GROUP BY file) GROUP BY file;
CREATE TABLE records (feed VARCHAR, record VARCHAR);
"""


def tables(settings: BikeSettings) -> str:
    """Statements for the tables that the KPIs are checked with."""
    lines = "".join(_lines(kind, feed) for kind, feed in FEEDS.items())
    audit = AUDIT.replace("{usual}", str(settings.usual_quantity))
    return MACROS + lines + _read(settings) + TABLES + audit + results.tables()
