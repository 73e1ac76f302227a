"""The tables of omnishop as facts, and the rollups that several KPIs read."""

from multimarket_async.domains import Facts, Rollup, Value

DAY = "strftime(local, '%Y-%m-%d')"


def _values(**types: str) -> dict[str, Value]:
    """Values under their own names; a type that ends with ? may be missing."""
    return {name: Value(name, type_.rstrip("?"), nullable=type_.endswith("?")) for name, type_ in types.items()}


PRODUCTS = Facts(
    "products", "omni_products", _values(product="VARCHAR", name="VARCHAR", category="VARCHAR", price_minor="BIGINT")
)
CLIENTS = Facts("clients", "omni_clients", _values(client="VARCHAR", loyal="BOOLEAN", joined="VARCHAR"))
PROMOTIONS = Facts(
    "promotions",
    "omni_promotions",
    _values(campaign="VARCHAR", category="VARCHAR", channel="VARCHAR", starts="VARCHAR", ends="VARCHAR",
            discount="DOUBLE", cost_minor="BIGINT"),
)  # fmt: skip
ORDERS = Facts(
    "orders",
    "omni_orders",
    {
        "order_id": Value("order", "VARCHAR"),
        **_values(kind="VARCHAR", client="VARCHAR", channel="VARCHAR", place="VARCHAR", at="TIMESTAMP",
                  amount_minor="BIGINT", card="VARCHAR?", device="VARCHAR?", address="VARCHAR?"),
        "line_products": Value("lines.product", "VARCHAR[]"),
        "quantities": Value("lines.quantity", "BIGINT[]"),
        "prices_minor": Value("lines.price_minor", "BIGINT[]"),
    },
    event="at",
    period=DAY,
)  # fmt: skip
EVENTS = Facts(
    "events",
    "omni_events",
    _values(session="VARCHAR", client="VARCHAR?", at="TIMESTAMP", kind="VARCHAR", product="VARCHAR?"),
    event="at",
    period=DAY,
)
STOCK = Facts(
    "shelves",
    "omni_stock",
    _values(place="VARCHAR", product="VARCHAR", day="VARCHAR", stock="BIGINT", received="BIGINT", sold="BIGINT"),
    period="day",
)
SOCIAL = Facts(
    "posts",
    "omni_social",
    _values(at="TIMESTAMP", kind="VARCHAR", client="VARCHAR?", product="VARCHAR?", stars="BIGINT?"),
    event="at",
    period=DAY,
)
SENSORS = Facts(
    "sensors",
    "omni_sensors",
    _values(store="VARCHAR", at="TIMESTAMP", visitors="BIGINT", queue_s="BIGINT"),
    event="at",
    period=DAY,
)
TRUTH = Facts(
    "truth",
    "omni_truth",
    _values(kind="VARCHAR", key="VARCHAR", label="VARCHAR", value="DOUBLE", at="TIMESTAMP"),
    event="at",
    period=DAY,
)
SOLD = Rollup(
    "sold",
    ORDERS,
    """
SELECT period, kind, channel, place, product, count(*) AS lines, sum(quantity)::BIGINT AS quantity,
  sum(quantity * minor)::BIGINT AS amount_minor
FROM (SELECT period, kind, channel, place, unnest(line_products) AS product, unnest(quantities) AS quantity,
  unnest(prices_minor) AS minor FROM orders)
GROUP BY ALL
""",
)
TILLS = Rollup("tills", ORDERS, "SELECT period, place, count(*) AS orders FROM orders WHERE kind = 'sale' GROUP BY ALL")
VISITS = Rollup(
    "visits",
    EVENTS,
    """
SELECT period, count(DISTINCT session) AS sessions, count(*) FILTER (kind = 'view') AS views,
  count(*) FILTER (kind = 'search') AS searches,
  count(DISTINCT session) FILTER (kind = 'basket') AS baskets, count(DISTINCT session) FILTER (kind = 'purchase')
  AS purchases
FROM events GROUP BY period
""",
)
COUNTED = Rollup(
    "counted",
    SENSORS,
    """
SELECT period, store, sum(visitors)::BIGINT AS visitors, sum(visitors * queue_s)::BIGINT AS waited_s
FROM sensors GROUP BY ALL
""",
)
