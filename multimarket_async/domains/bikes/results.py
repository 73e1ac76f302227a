"""The results of the models of bikes: their files, their documents, and these in SQL."""

from multimarket_async.domains import Feed, result_facts
from multimarket_async.formats import Boolean, Integer, Number, Text
from multimarket_async.formats.columns import Column
from multimarket_async.results import ResultTable, result_columns

COLUMNS: dict[str, dict[str, Column]] = {
    "bike_segments": {
        **result_columns(Integer, "shop_id", "segment", "bikes", "value_minor"),
        **result_columns(Text, "shop", "description", "category", "silhouettes"),
        **result_columns(Number, "share"),
    },
    "bike_affinity": {
        **result_columns(Integer, "shop_id", "rank"),
        **result_columns(Text, "shop", "kind"),
        **result_columns(Number, "probability"),
    },
    "bike_forecast": {
        **result_columns(Text, "model", "month"),
        **result_columns(Number, "expected", "low", "median", "high"),
    },
    "bike_price_model": {
        **result_columns(Integer, "bike"),
        **result_columns(Text, "model", "category", "kind", "frame"),
        **result_columns(Number, "price", "expected", "low", "high"),
        **result_columns(Boolean, "inside"),
    },
}
KEYS = {
    "bike_segments": ("shop_id",),
    "bike_affinity": ("shop_id", "kind"),
    "bike_forecast": ("model", "month"),
    "bike_price_model": ("bike",),
}
TABLES = tuple(ResultTable(name, columns, KEYS[name]) for name, columns in COLUMNS.items())
HEADERS = {table.name: table.headers for table in TABLES}
FACTS = {table.name: result_facts(table) for table in TABLES}


def feeds() -> tuple[Feed, ...]:
    """A feed for the results of each model: a file is the whole table."""
    return tuple(table.feed() for table in TABLES)


def tables() -> str:
    """Statements for a table `<name>_rows` for each: its newest file."""
    return "".join(table.check() for table in TABLES)
