"""The files of omnishop as SQL tables (DuckDB). It shares nothing with the readers or the queries of the KPIs."""

from collections.abc import Mapping

from multimarket_async.domains import Received
from multimarket_async.domains.omnishop import results

ID = r"text(v) AND regexp_full_match(v->>'$', '[A-Za-z0-9_./-]{1,100}')"
TEXT = "text(v) AND length(v->>'$') <= 1000 AND length(trim(v->>'$')) > 0 AND NOT contains(v->>'$', chr(0))"
DAY = r"text(v) AND regexp_full_match(v->>'$', '\d{4}-\d\d-\d\d') AND try_cast(v->>'$' AS DATE) >= DATE '1970-01-01'"
AT = (
    r"text(v) AND regexp_full_match(v->>'$', '\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ')"
    " AND try_cast((v->>'$')[:10] AS DATE) >= DATE '1970-01-01'"
)


def _whole(lowest: int, highest: int) -> str:
    return f"json_type(v) IN ('BIGINT', 'UBIGINT') AND try_cast(v->>'$' AS HUGEINT) BETWEEN {lowest} AND {highest}"


def _number(highest: float) -> str:
    kinds = "'BIGINT', 'UBIGINT', 'DOUBLE'"
    return f"json_type(v) IN ({kinds}) AND try_cast(v->>'$' AS DOUBLE) BETWEEN 0 AND {highest}"


def _among(*words: str) -> str:
    return f"text(v) AND v->>'$' IN ({', '.join(map(repr, words))})"


COUNT, PIECES, BOOLEAN = _whole(0, 10**9), _whole(1, 10_000), "json_type(v) = 'BOOLEAN'"
# Of each field the condition under which a value `v` is good, and its type; one with ? may be null.
FIELDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "products": {
        "product": (ID, "VARCHAR"), "name": (TEXT, "VARCHAR"), "category": (TEXT, "VARCHAR"),
        "price_minor": (COUNT, "BIGINT"),
    },
    "clients": {
        "client": (ID, "VARCHAR"), "name": (TEXT, "VARCHAR"), "city": (TEXT, "VARCHAR"), "store": (ID, "VARCHAR"),
        "loyal": (BOOLEAN, "BOOLEAN"), "joined": (DAY, "VARCHAR"),
    },
    "promotions": {
        "campaign": (ID, "VARCHAR"), "category": (TEXT, "VARCHAR"), "channel": (_among("web", "store", "all"),
        "VARCHAR"), "starts": (DAY, "VARCHAR"), "ends": (DAY, "VARCHAR"), "discount": (_number(1), "DOUBLE"),
        "cost_minor": (COUNT, "BIGINT"), "audience": (TEXT, "VARCHAR"),
    },
    "orders": {
        "order": (ID, "VARCHAR"), "kind": (_among("sale", "refund"), "VARCHAR"), "client": (ID, "VARCHAR"),
        "channel": (_among("web", "store"), "VARCHAR"), "place": (ID, "VARCHAR"), "at": (AT, "TIMESTAMP"),
        "card": (ID, "VARCHAR?"), "device": (ID, "VARCHAR?"), "address": (TEXT, "VARCHAR?"),
        "refund_of": (ID, "VARCHAR?"), "lines": ("json_type(v) = 'ARRAY' AND good_lines(v)", "JSON"),
    },
    "events": {
        "event": (ID, "VARCHAR"), "session": (ID, "VARCHAR"), "client": (ID, "VARCHAR?"), "at": (AT, "TIMESTAMP"),
        "kind": (_among("view", "search", "basket", "purchase"), "VARCHAR"), "product": (ID, "VARCHAR?"),
        "query": (TEXT, "VARCHAR?"), "order": (ID, "VARCHAR?"),
    },
    "stock": {
        "place": (ID, "VARCHAR"), "product": (ID, "VARCHAR"), "day": (DAY, "VARCHAR"), "stock": (COUNT, "BIGINT"),
        "received": (COUNT, "BIGINT"), "sold": (COUNT, "BIGINT"),
    },
    "social": {
        "post": (ID, "VARCHAR"), "at": (AT, "TIMESTAMP"), "kind": (_among("review", "mention"), "VARCHAR"),
        "client": (ID, "VARCHAR?"), "product": (ID, "VARCHAR?"), "stars": (_whole(1, 5), "BIGINT?"),
        "text": (TEXT, "VARCHAR"),
    },
    "sensors": {
        "store": (ID, "VARCHAR"), "at": (AT, "TIMESTAMP"), "visitors": (COUNT, "BIGINT"), "queue_s": (COUNT, "BIGINT"),
    },
}  # fmt: skip
KEYS = {"stock": '"place", "product", "day"', "sensors": '"store", "at"'}
LISTS, FIRST = ("products", "clients", "promotions"), {"orders": '"order"', "events": "event", "social": "post"}
HELPERS = r"""
CREATE MACRO text(v) AS coalesce(json_type(v), '') = 'VARCHAR';
CREATE MACRO good_lines(v) AS json_array_length(v) BETWEEN 1 AND 500
  AND len(list_filter(from_json(v, '["JSON"]'), lambda line: {line})) = json_array_length(v);
CREATE MACRO of_lines(paths) AS list_filter(paths, lambda path: regexp_matches(path, '\.ndjson$'));
CREATE MACRO others(paths) AS list_filter(paths, lambda path: NOT regexp_matches(path, '\.ndjson$'));
"""
LINES = """
CREATE TABLE order_lines AS
SELECT "order" AS order_id, kind, channel, place, client, strftime("at" + shift, '%Y-%m-%d') AS day,
  line->>'$.product' AS product, (line->>'$.quantity')::BIGINT AS quantity,
  (line->>'$.price_minor')::BIGINT AS price_minor
FROM (SELECT *, unnest(from_json(lines, '["JSON"]')) AS line FROM good_orders) ASOF JOIN zone ON "at" >= utc_from;
CREATE TABLE watched AS
SELECT "order" AS order_id, any_value(kind) AS kind, any_value(channel) AS channel, any_value(client) AS client,
  any_value(card) AS card, any_value(device) AS device, any_value(address) AS address, any_value("at") AS "at",
  sum((line->>'$.quantity')::BIGINT * (line->>'$.price_minor')::BIGINT)::BIGINT AS amount_minor
FROM (SELECT *, unnest(from_json(lines, '["JSON"]')) AS line FROM good_orders) GROUP BY "order";
"""


def _good(name: str) -> str:
    """The good records of a feed, one of each key: of a list those of the newest file, else the first or the newest."""
    fields = FIELDS[name]
    good = " AND ".join(
        f"coalesce({condition.replace('v->>', f'{_at(field)}->>').replace('(v)', f'({_at(field)})')}, false)"
        if not type_.endswith("?")
        else f"({_at(field)} IS NOT NULL AND (json_type({_at(field)}) = 'NULL' OR coalesce("
        f"{condition.replace('v->>', f'{_at(field)}->>').replace('(v)', f'({_at(field)})')}, false)))"
        for field, (condition, type_) in fields.items()
    )
    typed = ", ".join(f'{_typed(field, type_.rstrip("?"))} AS "{field}"' for field, (_, type_) in fields.items())
    key = KEYS.get(name) or FIRST.get(name) or f'"{next(iter(fields))}"'
    order = "version, n" if name in FIRST else "version DESC, n DESC"
    newest = f"WHERE version = (SELECT max(version) FROM files WHERE feed = 'omni_{name}')" if name in LISTS else ""
    options = "filename=true, maximum_object_size=67108864"
    return f"""
CREATE TABLE good_{name} AS
WITH objects AS (
  SELECT json, filename, row_number() OVER () AS n FROM read_json_objects(
    list_concat(getvariable('no_file'), others(getvariable('omni_{name}'))), {options})
  UNION ALL SELECT json, filename, row_number() OVER () AS n FROM read_json_objects(
    list_concat(getvariable('no_file'), of_lines(getvariable('omni_{name}'))), {options},
    format='newline_delimited', ignore_errors=true)),
records AS (
  SELECT {typed}, version, n FROM objects JOIN files ON path = filename WHERE json IS NOT NULL AND {good})
SELECT * FROM records {newest} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1;
"""


def _at(field: str) -> str:
    return f"(json->'$.{field}')"


def _typed(field: str, type_: str) -> str:
    if type_ == "JSON":
        return _at(field)
    text = f"({_at(field)}->>'$')"
    return f"rtrim({text}, 'Z')::TIMESTAMP" if type_ == "TIMESTAMP" else f"{text}::{type_}"


def received() -> Received:
    """The tables."""
    line = " AND ".join(
        condition.replace("v->>", f"(line->'$.{field}')->>").replace("(v)", f"((line->'$.{field}'))")
        for field, condition in (("product", ID), ("quantity", PIECES), ("price_minor", COUNT))
    )
    good = "".join(map(_good, FIELDS))
    tables = HELPERS.replace("{line}", f"coalesce({line}, false)") + good + LINES + results.tables()
    return Received(tables, csv=results.HEADERS)
