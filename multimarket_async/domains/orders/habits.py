"""How customers buy: baskets, hours of the week, coming back, where it goes."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders.cube import BASKETS, COLLECTION
from multimarket_async.domains.orders.expressions import (
    ORDERS,
    first,
    money,
    month_start,
    period_columns,
    revenue_columns,
    share,
    sums_of,
    with_totals,
)
from multimarket_async.domains.orders.settings import OrderSettings

CITIES = 50


def habits(settings: OrderSettings) -> tuple[Kpi, ...]:
    """In the order of `kpi list`."""
    return (
        _basket_sizes(settings),
        _orders_by_weekday_and_hour(settings),
        _repeat_customers_by_month(settings),
        _revenue_by_city(settings),
    )


def _basket_sizes(settings: OrderSettings) -> Kpi:
    last = [*(start - 1 for start in BASKETS[1:]), None]
    names = [_basket(start, end) for start, end in zip(BASKETS, last, strict=True)]
    row = {
        "basket": {"$arrayElemAt": [names, {"$indexOfArray": [list(BASKETS), "$_id"]}]},
        "pieces_from": {"$toLong": "$_id"},
        "orders": {"$toLong": "$orders"},
        "orders_share_pct": share("$orders", "$all_orders"),
        **money("revenue"),
    }
    return Kpi(
        name="basket_size_distribution",
        title="Basket sizes",
        unit="orders",
        definition=(
            "Orders by how many pieces they hold, all lines together, without cancelled orders; their share of all."
        ),
        collection=COLLECTION,
        rollup="baskets",
        columns=(
            Column("basket", "string", "Pieces in the basket"),
            Column("pieces_from", "integer", "Fewest pieces", "pieces"),
            ORDERS,
            Column("orders_share_pct", "double", "Share of orders", "%"),
            *revenue_columns(settings.currency),
        ),
        pipeline=[
            {"$group": {"_id": "$pieces_from", **sums_of("orders", "revenue_minor")}},
            with_totals("orders"),
            {"$sort": {"_id": 1}},
            {"$replaceWith": row},
        ],
    )


def _orders_by_weekday_and_hour(settings: OrderSettings) -> Kpi:
    row = {
        "weekday": {"$toLong": "$_id.weekday"},
        "hour": {"$toLong": "$_id.hour"},
        "orders": {"$toLong": "$orders"},
        **money("revenue"),
    }
    return Kpi(
        name="orders_by_weekday_and_hour",
        title="Orders by weekday and hour",
        unit="orders",
        definition=(
            f"Orders and revenue by day of the week (1 is Monday) and hour of the day ({settings.timezone}), "
            "without cancelled orders, over all time."
        ),
        collection=COLLECTION,
        rollup="hours",
        columns=(
            Column("weekday", "integer", "Weekday, 1 is Monday"),
            Column("hour", "integer", "Hour"),
            ORDERS,
            *revenue_columns(settings.currency),
        ),
        pipeline=[
            {"$group": {"_id": {"weekday": "$weekday", "hour": "$hour"}, **sums_of("orders", "revenue_minor")}},
            {"$sort": {"_id.weekday": 1, "_id.hour": 1}},
            {"$replaceWith": row},
        ],
        key=("weekday", "hour"),
    )


def _repeat_customers_by_month(settings: OrderSettings) -> Kpi:
    row = {
        "month": "$_id",
        "period_start": month_start("$_id", settings.timezone),
        "customers": {"$toLong": "$customers"},
        "repeat_customers": {"$toLong": "$repeat_customers"},
        "repeat_rate_pct": share("$repeat_customers", "$customers"),
    }
    return Kpi(
        name="repeat_customers_by_month",
        title="Repeat customers by month",
        unit="customers",
        definition=(
            f"Customers of each calendar month ({settings.timezone}), over all channels, without cancelled orders; "
            "those who ordered twice or more in that month; and these in percent of all."
        ),
        collection=COLLECTION,
        rollup="customers",
        columns=(
            *period_columns("month"),
            Column("customers", "integer", "Customers"),
            Column("repeat_customers", "integer", "Repeat customers"),
            Column("repeat_rate_pct", "double", "Repeat rate", "%"),
        ),
        pipeline=[
            {"$group": {"_id": "$period", **sums_of("customers", "repeat_customers")}},
            {"$sort": {"_id": 1}},
            {"$replaceWith": row},
        ],
    )


def _revenue_by_city(settings: OrderSettings) -> Kpi:
    row = {
        "rank": {"$toLong": "$rank"},
        "city": "$_id",
        "orders": {"$toLong": "$orders"},
        **money("revenue"),
    }
    return Kpi(
        name="revenue_by_city",
        title="Revenue by city of delivery",
        unit=settings.currency,
        definition=(
            f"The {CITIES} cities, as written in the orders, to which most was delivered by revenue, without cancelled "
            "orders and those that are not delivered; equal revenues rank by name."
        ),
        collection=COLLECTION,
        rollup="cities",
        columns=(
            Column("rank", "integer", "Rank"),
            Column("city", "string", "City"),
            ORDERS,
            *revenue_columns(settings.currency),
        ),
        pipeline=[
            {"$group": {"_id": "$city", **sums_of("orders", "revenue_minor")}},
            *first("$revenue_minor", "$_id", CITIES),
            {"$sort": {"rank": 1}},
            {"$replaceWith": row},
        ],
    )


def _basket(start: int, end: int | None) -> str:
    if end is None:
        return f"{start}+"
    return str(start) if start == end else f"{start}-{end}"
