"""The star schema of orders: facts of orders and their lines, by channel, product and day; nothing of customers."""

from multimarket_async.domains import Facts, Rollup, StarTable
from multimarket_async.domains.orders.rollups import facts
from multimarket_async.domains.orders.settings import OrderSettings

AMOUNT = "numeric(20, 2)"
ORDER = """
SELECT period, _id AS order_key, channel, local::DATE AS day, ordered_at, status, cancelled,
  len(products) AS lines, list_sum(quantities)::BIGINT AS quantity, minor AS total_minor
FROM facts
"""
LINE = """
SELECT period, _id AS order_key, unnest(range(1, len(products) + 1)) AS line, channel, local::DATE AS day, cancelled,
  unnest(products) AS product, unnest(quantities) AS quantity, unnest(lines_minor) AS amount_minor
FROM facts
"""
DATES = """
SELECT day, year(day)::INT AS year, quarter(day)::INT AS quarter, month(day)::INT AS month,
  strftime(day, '%Y-%m') AS year_month, isodow(day)::INT AS weekday
FROM (SELECT DISTINCT day FROM star_orders)
"""


def star(settings: OrderSettings) -> tuple[StarTable, ...]:
    """Three dimensions and two facts."""
    of: Facts = facts(settings)
    orders, lines = Rollup("star_orders", of, ORDER), Rollup("star_lines", of, LINE)
    return (
        StarTable(
            "dim_day",
            "Days with orders, in the business time zone; 1 is Monday.",
            (orders,),
            DATES,
            {
                "day": "date",
                **dict.fromkeys(("year", "quarter", "month"), "int"),
                "year_month": "text",
                "weekday": "int",
            },
            ("day",),
        ),
        StarTable(
            "dim_channel",
            "Channels.",
            (orders,),
            "SELECT DISTINCT channel FROM star_orders",
            {"channel": "text"},
            ("channel",),
        ),
        StarTable(
            "dim_product",
            "Products, by name.",
            (lines,),
            "SELECT DISTINCT product FROM star_lines",
            {"product": "text"},
            ("product",),
        ),
        StarTable(
            "fact_orders",
            f"A row an order; amounts in {settings.currency}.",
            (orders,),
            "SELECT * EXCLUDE (period), amount(total_minor) AS total FROM star_orders",
            {
                "order_key": "text",
                "channel": "text",
                "day": "date",
                "ordered_at": "timestamptz",
                "status": "text",
                "cancelled": "boolean",
                "lines": "bigint",
                "quantity": "bigint",
                "total_minor": "bigint",
                "total": AMOUNT,
            },
            ("order_key",),
            {"channel": "dim_channel", "day": "dim_day"},
        ),
        StarTable(
            "fact_order_lines",
            f"A row a line of an order; amounts in {settings.currency}.",
            (lines,),
            "SELECT * EXCLUDE (period), amount(amount_minor) AS amount FROM star_lines",
            {
                "order_key": "text",
                "line": "bigint",
                "channel": "text",
                "day": "date",
                "cancelled": "boolean",
                "product": "text",
                "quantity": "bigint",
                "amount_minor": "bigint",
                "amount": AMOUNT,
            },
            ("order_key", "line"),
            {"order_key": "fact_orders", "product": "dim_product", "channel": "dim_channel", "day": "dim_day"},
        ),
    )
