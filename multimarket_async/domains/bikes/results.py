"""The results of the models of bikes: their files, their documents, and these in SQL."""

from multimarket_async.domains import Facts, Feed, Table, Value
from multimarket_async.formats import Boolean, Csv, Integer, Number, Text
from multimarket_async.formats.columns import Column
from multimarket_async.results import EVIDENCE_TYPES, result_file

BUDGET_S = 30
SQL_TYPES: dict[type[Column], str] = {Boolean: "BOOLEAN", Integer: "BIGINT", Number: "DOUBLE", Text: "VARCHAR"}


def _columns(kind: type[Column], *names: str) -> dict[str, Column]:
    return {name: kind(name) for name in names}


COLUMNS: dict[str, dict[str, Column]] = {
    "bike_segments": {
        **_columns(Integer, "shop_id", "segment", "bikes", "value_minor"),
        **_columns(Text, "shop", "description", "category", "silhouettes"),
        **_columns(Number, "share"),
    },
    "bike_affinity": {
        **_columns(Integer, "shop_id", "rank"),
        **_columns(Text, "shop", "kind"),
        **_columns(Number, "probability"),
    },
    "bike_forecast": {**_columns(Text, "model", "month"), **_columns(Number, "expected", "low", "median", "high")},
    "bike_price_model": {
        **_columns(Integer, "bike"),
        **_columns(Text, "model", "category", "kind", "frame"),
        **_columns(Number, "price", "expected", "low", "high"),
        **_columns(Boolean, "inside"),
    },
}
KEYS = {
    "bike_segments": ("shop_id",),
    "bike_affinity": ("shop_id", "kind"),
    "bike_forecast": ("model", "month"),
    "bike_price_model": ("bike",),
}
FILES: dict[str, Csv] = {name: result_file(columns) for name, columns in COLUMNS.items()}
HEADERS = {name: tuple(csv.columns) for name, csv in FILES.items()}


def _types(name: str) -> dict[str, str]:
    return {**{column: SQL_TYPES[type(kind)] for column, kind in COLUMNS[name].items()}, **EVIDENCE_TYPES}


FACTS = {
    name: Facts(f"{name}_rows", name, {column: Value(column, type_) for column, type_ in _types(name).items()})
    for name in COLUMNS
}


def feeds() -> tuple[Feed, ...]:
    """A feed for the results of each model: a file is the whole table, and is stored as a whole or not."""
    return tuple(_feed(name) for name in COLUMNS)


def _feed(name: str) -> Feed:
    keys = KEYS[name]
    return Feed(
        name,
        Table(name, "replace"),
        FILES[name].reader(lambda row: {"_id": "/".join(str(row[key]) for key in keys), **row}),
        (".csv",),
        records="many",
        self_delimiting=False,
        latency_budget_s=BUDGET_S,
    )


def tables() -> str:
    """Statements for a table `<name>_rows` for each: its newest file."""
    return "".join(map(_table, COLUMNS))


def _table(name: str) -> str:
    typed = ", ".join(f"{column}::{type_} AS {column}" for column, type_ in _types(name).items())
    return f"""
CREATE TABLE {name}_rows AS SELECT {typed} FROM {name} WHERE version = (SELECT max(version) FROM {name})
QUALIFY row_number() OVER (PARTITION BY {", ".join(KEYS[name])} ORDER BY "row" DESC) = 1;
"""
