"""What MultiMarket measures of its orders: four main tables, and those of `details`, computed inside MongoDB.

Money is summed in int64 minor units. Every number published has one BSON type for ever:
integers are int64, amounts and rates are doubles; a rate over nothing is null.
"""

from multimarket_async.domains import Column, Expression, Kpi, Stage
from multimarket_async.domains.orders.cube import COLLECTION
from multimarket_async.domains.orders.details import details
from multimarket_async.domains.orders.expressions import CHANNEL, first_instant, hundredths, money
from multimarket_async.domains.orders.settings import OrderSettings

RANKS = 10


def kpis(settings: OrderSettings) -> tuple[Kpi, ...]:
    """The KPIs of the orders domain (section 6 of the design)."""
    return (
        _revenue_by_month_and_channel(settings.timezone, settings.currency),
        _top_products(settings.currency),
        _cancellation_rate_by_channel(),
        _average_order_value_by_channel(settings.currency),
        *details(settings),
    )


def _revenue_by_month_and_channel(timezone: str, currency: str) -> Kpi:
    return Kpi(
        name="revenue_by_month_and_channel",
        title="Revenue by month and channel",
        unit=currency,
        definition=(
            f"Sum of the order totals of each channel and calendar month ({timezone}), without cancelled orders. "
            "The gross figures count every order."
        ),
        collection=COLLECTION,
        rollup="orders",
        columns=(
            Column("month", "string", "Month"),
            Column("period_start", "date", "Start of the month"),
            CHANNEL,
            Column("orders", "integer", "Orders, cancelled included"),
            Column("cancelled_orders", "integer", "Cancelled orders"),
            Column("revenue", "double", "Revenue", currency),
            Column("revenue_minor", "integer", "Revenue in minor units", "minor units"),
            Column("gross_revenue", "double", "Gross revenue", currency),
            Column("gross_revenue_minor", "integer", "Gross revenue in minor units", "minor units"),
        ),
        pipeline=_monthly_revenue(timezone),
        headline=True,
    )


def _monthly_revenue(timezone: str) -> list[Stage]:
    row = {
        "month": "$_id.month",
        "period_start": first_instant("month", {"$concat": ["$_id.month", "-15"]}, timezone),
        "channel": "$_id.channel",
        "orders": {"$toLong": "$orders"},
        "cancelled_orders": {"$toLong": "$cancelled_orders"},
        **money("revenue"),
        **money("gross_revenue"),
    }
    return [
        _orders_by({"month": "$period", "channel": "$channel"}),
        {"$sort": {"_id.month": 1, "_id.channel": 1}},
        {"$replaceWith": row},
    ]


def _top_products(currency: str) -> Kpi:
    return Kpi(
        name="top_products",
        title="Top products",
        unit="pieces",
        definition=(
            f"The {RANKS} products, by name, of which most pieces were ordered without cancelled orders; equal "
            "quantities rank by name. A product found in cancelled orders only sold nothing and is not ranked."
        ),
        collection=COLLECTION,
        rollup="products",
        columns=(
            Column("rank", "integer", "Rank"),
            Column("product", "string", "Product"),
            Column("quantity", "integer", "Quantity", "pieces"),
            Column("gross_quantity", "integer", "Quantity, cancelled included", "pieces"),
            Column("revenue", "double", "Revenue", currency),
            Column("revenue_minor", "integer", "Revenue in minor units", "minor units"),
        ),
        pipeline=[*_products_sold(), *_ranked()],
        headline=True,
    )


def _products_sold() -> list[Stage]:
    sums = {name: {"$sum": f"${name}"} for name in ("quantity", "gross_quantity", "revenue_minor")}
    return [{"$group": {"_id": "$product", **sums}}, {"$match": {"quantity": {"$gt": 0}}}]


def _ranked() -> list[Stage]:
    row = {
        "rank": {"$add": ["$position", 1]},
        "product": "$product._id",
        "quantity": {"$toLong": "$product.quantity"},
        "gross_quantity": {"$toLong": "$product.gross_quantity"},
        **money("revenue", "$product.revenue_minor"),
    }
    return [
        {"$sort": {"quantity": -1, "_id": 1}},
        {"$limit": RANKS},
        {"$group": {"_id": None, "product": {"$push": "$$ROOT"}}},
        {"$unwind": {"path": "$product", "includeArrayIndex": "position"}},
        {"$replaceWith": row},
    ]


def _cancellation_rate_by_channel() -> Kpi:
    return Kpi(
        name="cancellation_rate_by_channel",
        title="Cancellation rate by channel",
        unit="%",
        definition="Cancelled orders out of all orders of the channel, in percent, rounded half-up to 2 decimals.",
        collection=COLLECTION,
        rollup="orders",
        columns=(
            CHANNEL,
            Column("orders", "integer", "Orders, cancelled included"),
            Column("cancelled_orders", "integer", "Cancelled orders"),
            Column("cancellation_rate_pct", "double", "Cancellation rate", "%", nullable=True),
        ),
        pipeline=_cancellation_rate(),
        headline=True,
    )


def _cancellation_rate() -> list[Stage]:
    row = {
        "channel": "$_id",
        "orders": {"$toLong": "$orders"},
        "cancelled_orders": {"$toLong": "$cancelled_orders"},
        "cancellation_rate_pct": hundredths({"$multiply": ["$cancelled_orders", 100 * 100]}, "$orders"),
    }
    return [_orders_by("$channel"), {"$sort": {"_id": 1}}, {"$replaceWith": row}]


def _average_order_value_by_channel(currency: str) -> Kpi:
    return Kpi(
        name="average_order_value_by_channel",
        title="Average order value by channel",
        unit=currency,
        definition=(
            "Revenue of the channel divided by its orders, both without cancelled orders, rounded half-up to 2 "
            "decimals; empty where all were cancelled. The gross figures count every order."
        ),
        collection=COLLECTION,
        rollup="orders",
        columns=(
            CHANNEL,
            Column("orders", "integer", "Orders, without cancelled"),
            Column("average_order_value", "double", "Average order value", currency, nullable=True),
            Column("gross_orders", "integer", "Orders, cancelled included"),
            Column("gross_average_order_value", "double", "Gross average order value", currency, nullable=True),
        ),
        pipeline=_average_order_value(),
        headline=True,
    )


def _average_order_value() -> list[Stage]:
    kept = {"$subtract": ["$orders", "$cancelled_orders"]}
    row = {
        "channel": "$_id",
        "orders": {"$toLong": kept},
        "average_order_value": hundredths("$revenue_minor", kept),
        "gross_orders": {"$toLong": "$orders"},
        "gross_average_order_value": hundredths("$gross_revenue_minor", "$orders"),
    }
    return [_orders_by("$channel"), {"$sort": {"_id": 1}}, {"$replaceWith": row}]


def _orders_by(key: Expression) -> Stage:
    """Add up the cells of each key."""
    names = ("orders", "cancelled_orders", "revenue_minor", "gross_revenue_minor")
    return {"$group": {"_id": key, **{name: {"$sum": f"${name}"} for name in names}}}
