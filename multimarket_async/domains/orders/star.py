"""The star schema of orders: facts of orders and their lines, by channel, product and day; nothing of customers."""

from multimarket_async.domains import Facts, Rollup, StarTable
from multimarket_async.domains.orders.rollups import cancelled, facts
from multimarket_async.domains.orders.settings import OrderSettings

# Amounts are in the currency of their order, whose decimals are at most 4.
AMOUNT = "numeric(24, 4)"
# The columns of a line behind its key, sold or refunded.
OF_LINE = {
    "line": "bigint", "channel": "text", "day": "date", "cancelled": "boolean", "product": "text",
    "quantity": "bigint", "amount_minor": "bigint", "amount": AMOUNT, "currency": "text",
}  # fmt: skip
OF_ORDER = {
    "order_key": "text", "channel": "text", "day": "date", "ordered_at": "timestamptz", "status": "text",
    "cancelled": "boolean", "lines": "bigint", "quantity": "bigint", "total_minor": "bigint", "total": AMOUNT,
    "currency": "text",
}  # fmt: skip
OF_DAY = {
    "day": "date", "year": "int", "quarter": "int", "month": "int", "year_month": "text", "weekday": "int",
}  # fmt: skip
BY_CHANNEL_AND_DAY = {"channel": "dim_channel", "day": "dim_day"}
ORDER = """
SELECT period, _id AS order_key, channel, local::DATE AS day, ordered_at, status, cancelled,
  len(products) AS lines, list_sum(quantities)::BIGINT AS quantity, minor AS total_minor, currency, decimals
FROM facts WHERE NOT credit
"""
LINE = """
SELECT period, _id AS order_key, unnest(range(1, len(products) + 1)) AS line, channel, local::DATE AS day, cancelled,
  unnest(products) AS product, unnest(quantities) AS quantity, unnest(lines_minor) AS amount_minor, currency, decimals
FROM facts WHERE NOT credit
"""
REFUND = """
SELECT period, document_key, line, channel, (happened + shift)::DATE AS day, cancelled, order_key, product, quantity,
  amount_minor, currency, decimals
FROM (SELECT period, _id AS document_key, order_key, channel, cancelled,
    unnest(range(1, len(refunds_minor) + 1)) AS line, unnest(refunded_at)::TIMESTAMP AS happened,
    unnest(refunded_products) AS product, unnest(refunded_quantities) AS quantity,
    unnest(refunds_minor) AS amount_minor, currency, decimals
  FROM facts WHERE own_decimals IS NOT NULL) ASOF JOIN zone ON happened >= utc_from
"""
OF_CANCELLED = "coalesce(cancelled OR order_key IN (SELECT order_key FROM cancelled_orders), false)"

DATES = """
SELECT day, year(day)::INT AS year, quarter(day)::INT AS quarter, month(day)::INT AS month,
  strftime(day, '%Y-%m') AS year_month, isodow(day)::INT AS weekday
FROM (SELECT day FROM star_orders UNION SELECT day FROM star_refunds)
"""


def star(settings: OrderSettings) -> tuple[StarTable, ...]:
    """Three dimensions and three facts."""
    of: Facts = facts(settings)
    orders, lines = Rollup("star_orders", of, ORDER), Rollup("star_lines", of, LINE)
    refunds = Rollup("star_refunds", of, REFUND)
    return (*_dimensions(orders, lines, refunds), *_facts(orders, lines, refunds, cancelled(settings)))


def _dimensions(orders: Rollup, lines: Rollup, refunds: Rollup) -> tuple[StarTable, ...]:
    days = "Days with orders or refunds, in the business time zone; 1 is Monday."
    channels = "SELECT channel FROM star_orders UNION SELECT channel FROM star_refunds"
    products = "SELECT product FROM star_lines UNION SELECT product FROM star_refunds WHERE product IS NOT NULL"
    return (
        StarTable("dim_day", days, (orders, refunds), DATES, OF_DAY, ("day",)),
        StarTable("dim_channel", "Channels.", (orders, refunds), channels, {"channel": "text"}, ("channel",)),
        StarTable("dim_product", "Products, by name.", (lines, refunds), products, {"product": "text"}, ("product",)),
    )


def _facts(orders: Rollup, lines: Rollup, refunds: Rollup, cancelled_orders: Rollup) -> tuple[StarTable, ...]:
    return (
        StarTable(
            "fact_orders",
            "A row an order; amounts in its own currency.",
            (orders,),
            _with_units("total_minor", "total", orders),
            OF_ORDER,
            ("order_key",),
            BY_CHANNEL_AND_DAY,
        ),
        StarTable(
            "fact_order_lines",
            "A row a line of an order; amounts in its own currency.",
            (lines,),
            _with_units("amount_minor", "amount", lines),
            {"order_key": "text", **OF_LINE},
            ("order_key", "line"),
            {"order_key": "fact_orders", "product": "dim_product", **BY_CHANNEL_AND_DAY},
        ),
        StarTable(
            "fact_refunds",
            "A row a refunded line of an order or a credit note, on its own day; amounts in its currency.",
            (refunds, cancelled_orders),
            f"SELECT * EXCLUDE (order_key) REPLACE ({OF_CANCELLED} AS cancelled) "
            f"FROM ({_with_units('amount_minor', 'amount', refunds)})",
            {"document_key": "text", **OF_LINE},
            ("document_key", "line"),
            {"product": "dim_product", **BY_CHANNEL_AND_DAY},
        ),
    )


def _with_units(minor: str, name: str, of: Rollup) -> str:
    """The rows of a rollup with an amount in whole units of its currency."""
    units = f"{minor} * (10 ** (4 - decimals))::BIGINT * 0.0001::DECIMAL(5, 4) AS {name}"
    return f"SELECT * EXCLUDE (period, decimals), {units} FROM {of.name}"
