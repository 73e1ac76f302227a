"""What a retailer asks next: days, months of a product, shares; and the habits of customers, in `habits`.

A generation is one document, so what could grow without end is cut by definition: the latest
days and months, the first products.
"""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders.cube import COLLECTION
from multimarket_async.domains.orders.expressions import (
    CHANNEL,
    ORDERS,
    first,
    first_instant,
    latest,
    money,
    month_start,
    period_columns,
    revenue_columns,
    share,
    sums_of,
    with_totals,
)
from multimarket_async.domains.orders.habits import habits
from multimarket_async.domains.orders.settings import OrderSettings

DAYS, MONTHS, PRODUCTS_A_MONTH = 92, 13, 20


def details(settings: OrderSettings) -> tuple[Kpi, ...]:
    """In the order of `kpi list`."""
    return (
        _orders_by_day_and_channel(settings),
        _products_by_month(settings),
        _share_by_channel(settings),
        *habits(settings),
    )


def _orders_by_day_and_channel(settings: OrderSettings) -> Kpi:
    row = {
        "day": "$_id.day",
        "period_start": first_instant("day", {"$concat": ["$_id.day", "T12:00:00"]}, settings.timezone),
        "channel": "$_id.channel",
        "orders": {"$toLong": "$orders"},
        "cancelled_orders": {"$toLong": "$cancelled_orders"},
        **money("revenue"),
    }
    sums = sums_of("orders", "cancelled_orders", "revenue_minor")
    return Kpi(
        name="orders_by_day_and_channel",
        title="Orders by day and channel",
        unit=settings.currency,
        definition=(
            f"Orders, cancelled orders and revenue without them of each channel and day ({settings.timezone}), "
            f"for the {DAYS} latest days that have orders."
        ),
        collection=COLLECTION,
        rollup="orders",
        columns=(
            *period_columns("day"),
            CHANNEL,
            Column("orders", "integer", "Orders, cancelled included"),
            Column("cancelled_orders", "integer", "Cancelled orders"),
            *revenue_columns(settings.currency),
        ),
        pipeline=[
            {"$group": {"_id": {"day": "$day", "channel": "$channel"}, **sums}},
            *latest("_id.day", DAYS),
            {"$sort": {"_id.day": 1, "_id.channel": 1}},
            {"$replaceWith": row},
        ],
    )


def _products_by_month(settings: OrderSettings) -> Kpi:
    row = {
        "month": "$_id.month",
        "period_start": month_start("$_id.month", settings.timezone),
        "rank": {"$toLong": "$rank"},
        "product": "$_id.product",
        "quantity": {"$toLong": "$quantity"},
        **money("revenue"),
    }
    return Kpi(
        name="products_by_month",
        title="Products by month",
        unit="pieces",
        definition=(
            f"Pieces sold and revenue of the {PRODUCTS_A_MONTH} products, by name, of which most pieces were sold in "
            f"each calendar month ({settings.timezone}), without cancelled orders; equal quantities rank by name. "
            f"The {MONTHS} latest months in which something was sold."
        ),
        collection=COLLECTION,
        rollup="products",
        columns=(
            *period_columns("month"),
            Column("rank", "integer", "Rank"),
            Column("product", "string", "Product"),
            Column("quantity", "integer", "Quantity", "pieces"),
            *revenue_columns(settings.currency),
        ),
        pipeline=[
            {"$group": {"_id": {"month": "$period", "product": "$product"}, **sums_of("quantity", "revenue_minor")}},
            {"$match": {"quantity": {"$gt": 0}}},
            *latest("_id.month", MONTHS),
            *first("$quantity", "$_id.product", PRODUCTS_A_MONTH, within="$_id.month"),
            {"$sort": {"_id.month": 1, "rank": 1}},
            {"$replaceWith": row},
        ],
    )


def _share_by_channel(settings: OrderSettings) -> Kpi:
    kept = {"$subtract": ["$orders", "$cancelled_orders"]}
    row = {
        "channel": "$_id",
        "orders": {"$toLong": "$orders"},
        "orders_share_pct": share("$orders", "$all_orders"),
        **money("revenue"),
        "revenue_share_pct": share("$revenue_minor", "$all_revenue_minor"),
    }
    return Kpi(
        name="share_by_channel",
        title="Share of each channel",
        unit="%",
        definition=(
            "Orders and revenue of each channel out of those of all channels, in percent, without cancelled orders; "
            "empty where there are none."
        ),
        collection=COLLECTION,
        rollup="orders",
        columns=(
            CHANNEL,
            ORDERS,
            Column("orders_share_pct", "double", "Share of orders", "%", nullable=True),
            *revenue_columns(settings.currency),
            Column("revenue_share_pct", "double", "Share of revenue", "%", nullable=True),
        ),
        pipeline=[
            {"$group": {"_id": "$channel", "orders": {"$sum": kept}, **sums_of("revenue_minor")}},
            with_totals("orders", "revenue_minor"),
            {"$sort": {"_id": 1}},
            {"$replaceWith": row},
        ],
    )
