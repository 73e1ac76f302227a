"""Each KPI is drawn by what it declares."""

import pytest

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.charts import drawing

KPIS = {kpi.name: kpi for kpi in ORDERS.declare(OrderSettings()).kpis}


@pytest.mark.parametrize(
    ("name", "kind", "x", "y", "series"),
    [
        ("revenue_by_month_and_channel", "time", "month", "revenue_minor", "channel"),
        ("top_products", "bars", "product", "quantity", None),
        ("cancellation_rate_by_channel", "bars", "channel", "cancellation_rate_pct", None),
        ("average_order_value_by_channel", "bars", "channel", "average_order_value", None),
        ("orders_by_day_and_channel", "time", "day", "revenue_minor", "channel"),
        ("products_by_month", "time", "month", "quantity", "product"),
        ("share_by_channel", "bars", "channel", "orders_share_pct", None),
        ("basket_size_distribution", "bars", "basket", "orders", None),
        ("orders_by_weekday_and_hour", "grid", "hour", "orders", "weekday"),
        ("repeat_customers_by_month", "lines", "month", "customers", None),
        ("revenue_by_city", "bars", "city", "revenue_minor", None),
    ],
)
def test_what_is_drawn(name: str, kind: str, x: str, y: str, series: str | None) -> None:
    """Periods go over time, two keys make a grid, the rest are bars; what cannot be added up is lines."""
    found = drawing(KPIS[name])
    assert found is not None
    assert (found.kind, found.x.name, found.y.name, found.series and found.series.name) == (kind, x, y, series)


def test_a_kpi_without_a_measure_or_a_key_is_not_drawn() -> None:
    """It still has its table."""
    names = (Column("word", "string", "Word"), Column("number", "integer", "Number", "pieces"))
    assert drawing(Kpi("n", "N", "EUR", "", (), names[:1], "")) is None
    assert drawing(Kpi("n", "N", "pieces", "", (), names[1:], "")) is None
