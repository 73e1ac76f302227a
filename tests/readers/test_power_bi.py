"""The Power BI project and Microsoft's schemas; tests/sinks/test_stars.py compares its columns with PostgreSQL."""

import json
import os
import re
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.bi import kit
from multimarket_async.readers.bi.power_bi import SCHEMAS, Warehouse

DOMAIN = ORDERS.declare(OrderSettings())
PROJECT = {
    name.removeprefix("powerbi/"): text
    for name, text in kit([DOMAIN], "http://127.0.0.1:8000", Warehouse("db.example:6000", "sales")).items()
    if name.startswith("powerbi/")
}
JSON = [name for name in PROJECT if not name.endswith(".tmdl")]
NAME = r"(?:'((?:[^']|'')*)'|(\w+))"


def members() -> dict[str, set[str]]:
    """Columns and measures of each table of the model."""
    texts = [text for name, text in PROJECT.items() if "/tables/" in name]
    return {
        re.search(r"^table (\w+)$", text, re.MULTILINE)[1]: {  # type: ignore[index]
            quoted.replace("''", "'") or plain
            for quoted, plain in re.findall(rf"^\t(?:column|measure) {NAME}", text, re.MULTILINE)
        }
        for text in texts
    }


def visuals() -> list[dict[str, Any]]:
    """The visuals of the page."""
    return [json.loads(text)["visual"] for name, text in PROJECT.items() if name.endswith("visual.json")]


def test_the_four_visuals_use_what_the_model_has() -> None:
    """Revenue by month and channel, top 10, cancellation rate, average order."""
    assert [(visual["visualType"], [*visual["query"]["queryState"]]) for visual in visuals()] == [
        ("columnChart", ["Category", "Series", "Y"]),
        ("clusteredBarChart", ["Category", "Y"]),
        ("clusteredBarChart", ["Category", "Y"]),
        ("clusteredBarChart", ["Category", "Y"]),
    ]
    model = members()
    for visual in visuals():
        for role in visual["query"]["queryState"].values():
            [(_, field)] = role["projections"][0]["field"].items()
            assert field["Property"] in model[field["Expression"]["SourceRef"]["Entity"]]


def test_measures_are_exact_and_ratios_those_of_the_sums() -> None:
    """For any selection of rows."""
    found = [match for text in PROJECT.values() for match in re.findall(r"measure '(.*)' = (.*)", text)]
    measures = dict(found)
    assert len(measures) == len(found)
    assert measures["Revenue by month and channel"] == "DIVIDE(SUM('revenue_by_month_and_channel'[revenue_minor]), 100)"
    assert measures["Top products"] == "SUM('top_products'[quantity])"
    of = "'cancellation_rate_by_channel'"
    assert measures["Cancellation rate by channel"] == f"100 * DIVIDE(SUM({of}[cancelled_orders]), SUM({of}[orders]))"
    of = "'average_order_value_by_channel'"
    revenue = f"DIVIDE(SUM({of}[revenue_minor]), 100)"
    assert measures["Average order value by channel"] == f"DIVIDE({revenue}, SUM({of}[kept_orders]))"


def test_the_model_reads_the_warehouse_and_knows_its_star() -> None:
    """Parameters have the address; facts lead to dimensions by one way each."""
    model = "MultiMarket-orders.SemanticModel/definition"
    assert 'expression Server = "db.example:6000" meta' in PROJECT[f"{model}/expressions.tmdl"]
    assert 'expression Database = "sales" meta' in PROJECT[f"{model}/expressions.tmdl"]
    tables = members()
    referred = re.findall(r"^ref table (\w+)$", PROJECT[f"{model}/model.tmdl"], re.MULTILINE)
    assert {*referred} == {*tables} == {kpi.name for kpi in DOMAIN.kpis} | {table.name for table in DOMAIN.star}
    ends = re.findall(r"\t(?:from|to)Column: (\w+)\.(\w+)", PROJECT[f"{model}/relationships.tmdl"])
    assert ("fact_order_lines", "product") in ends
    assert ("dim_product", "product") in ends
    assert {table for table, _ in ends[1::2]} == {"dim_channel", "dim_day", "dim_product"}
    assert all(column in tables[table] for table, column in ends)


def published(address: str) -> Any:
    """A schema of Microsoft, from a clone of microsoft/json-schemas in FABRIC_SCHEMAS, else from the site."""
    if folder := os.environ.get("FABRIC_SCHEMAS"):
        return json.loads(Path(folder, "fabric" + address.removeprefix(SCHEMAS)).read_text("utf-8"))
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_each_file_fits_the_published_schema_that_it_names() -> None:
    """With all schemas that this one refers to."""
    schema = cache(lambda address: published(address.partition("#")[0]))
    for name in JSON:
        content = json.loads(PROJECT[name])
        try:
            validator = jsonschema_rs.validator_for(schema(content["$schema"]), retriever=schema)
        except OSError as error:
            pytest.skip(f"the schemas cannot be had: {error}")
        assert [error.message for error in validator.iter_errors(content)] == [], name
