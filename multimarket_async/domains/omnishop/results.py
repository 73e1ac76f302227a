"""The tables of results of the models of omnishop."""

from multimarket_async.domains import Feed, result_facts
from multimarket_async.formats import Boolean, Integer, Number, Text
from multimarket_async.results import ResultTable, result_columns

ANYBODY = "(anybody)"  # in place of a client: what most people buy
RECOMMENDATIONS = ResultTable(
    "recommendations",
    {**result_columns(Text, "client", "product", "reason"), **result_columns(Integer, "rank"),
     **result_columns(Number, "strength")},
    ("client", "rank"),
    person="client",
)  # fmt: skip
AFFINITY = ResultTable(
    "omni_affinity",
    {**result_columns(Text, "product", "other"), **result_columns(Integer, "rank"),
     **result_columns(Number, "strength")},
    ("product", "rank"),
)  # fmt: skip
FRAUD = ResultTable(
    "fraud_model", {**result_columns(Text, "feature"), **result_columns(Number, "weight")}, ("feature",)
)
FORECAST = ResultTable(
    "demand_forecast",
    {**result_columns(Text, "product", "place", "day"), **result_columns(Number, "expected", "low", "median", "high")},
    ("product", "place", "day"),
)
REORDER = ResultTable(
    "reorder",
    {**result_columns(Text, "product", "place", "order_by"), **result_columns(Integer, "quantity", "stock")},
    ("product", "place"),
)
EFFECTS = ResultTable(
    "campaign_effect",
    {**result_columns(Text, "campaign", "category", "channel"),
     **result_columns(Number, "uplift", "low", "high", "extra_units", "returns"),
     **result_columns(Integer, "extra_revenue_minor", "cost_minor")},
    ("campaign",),
)  # fmt: skip
CHURN = ResultTable(
    "churn_risk",
    {**result_columns(Text, "client", "action"), **result_columns(Number, "probability"),
     **result_columns(Integer, "value_minor")},
    ("client",),
    person="client",
)  # fmt: skip
GRADES = ResultTable(
    "omni_grades",
    {**result_columns(Text, "job", "measure", "against"), **result_columns(Number, "value", "baseline_value"),
     **result_columns(Boolean, "wins")},
    ("job", "measure"),
    "upsert",
)  # fmt: skip
TABLES = (RECOMMENDATIONS, AFFINITY, FRAUD, FORECAST, REORDER, EFFECTS, CHURN, GRADES)
HEADERS = {table.name: table.headers for table in TABLES}
FACTS = {table.name: result_facts(table) for table in TABLES}


def feeds() -> tuple[Feed, ...]:
    """A feed for each table."""
    return tuple(table.feed() for table in TABLES)


def tables() -> str:
    """Statements for a table `<name>_rows` for each, of what was received."""
    return "".join(table.check() for table in TABLES)
