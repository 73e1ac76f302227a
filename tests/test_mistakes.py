"""A dashboard or a column that is declared wrongly is refused with a sentence that says what is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from multimarket_async.clashes import clashes
from multimarket_async.domains import Chart, Column, Tile
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings

DOMAIN = ORDERS.declare(OrderSettings())
[DASHBOARD] = DOMAIN.dashboards
REVENUE = DOMAIN.kpis[0]
WRONG: dict[str, dict[str, Any]] = {
    "names the KPI revenu, which is none of its domain: there are revenue_by_month_and_channel": {"kpi": "revenu"},
    "names the KPI gone, which is none": {"covers": ("gone",)},
    "names the column moon, which revenue_by_month_and_channel does not have: it has month": {"time": "moon"},
    "names channel of revenue_by_month_and_channel as a time, but its role is key": {"time": "channel"},
    "names orders of revenue_by_month_and_channel as a key, but its role is sum": {"filters": ("orders",)},
    "names month of revenue_by_month_and_channel as a sum or ratio, but its role is time": {"tiles": (Tile("month"),)},
    "names the column cancelled, which": {"tiles": (Tile("orders", note="{cancelled} of them"),)},
    "names rank of top_products as a sum": {"charts": (Chart(("rank",), x="product", kpi="top_products"),)},
    "names quantity of top_products as a other, but its role is sum": {
        "charts": (Chart(("revenue_minor",), x="product", kpi="top_products", band=("quantity", "quantity")),)
    },
    "has a chart of top_products without a column": {"charts": (Chart((), x="product", kpi="top_products"),)},
    "names the column channel, which top_products does not have": {"finer": "top_products"},
    "has in top_products other columns than in orders_by_day_and_channel": {"earlier": "top_products"},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_dashboard_names_what_there_is(sentence: str) -> None:
    domain = replace(DOMAIN, dashboards=(replace(DASHBOARD, **WRONG[sentence]),))
    assert any(f"The dashboard 'Orders' of orders {sentence}" in found for found in clashes([domain]))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (Column("a", "money", "A", "euros"), "a is money in 'euros', which is no currency"),
        (Column("a", "percent", "A", "%", role="ratio"), "a is a ratio of nothing"),
        (Column("a", "percent", "A", "%", of=("orders", "channel")), "a is a ratio of channel, which is no sum"),
        (Column("a", "double", "A", "EUR", exact="orders"), "a is exact in orders, which is no money"),
    ],
)
def test_a_column_says_what_it_is(column: Column, sentence: str) -> None:
    kpi = replace(REVENUE, columns=(*REVENUE.columns, column))
    [found] = clashes([replace(DOMAIN, kpis=(kpi, *DOMAIN.kpis[1:]))])
    assert found.startswith(f"The column {sentence}")
    assert found.endswith("of the KPI revenue_by_month_and_channel of orders.")


def test_what_orders_declare_has_no_mistake() -> None:
    assert list(clashes([DOMAIN])) == []
