"""The facts of bikes, and the order lines joined with shops, customers and prices."""

from multimarket_async.domains import Facts, Value

FLAGS = {"flags": Value("flags", "VARCHAR[]")}
MONTH = "strftime(local, '%Y-%m')"


def _values(**types: str) -> dict[str, Value]:
    return {name: Value(name, type_) for name, type_ in types.items()}


LINES = Facts(
    "order_lines",
    "bike_orders",
    {
        **_values(ordered_on="TIMESTAMP", line="BIGINT", customer="BIGINT", product="BIGINT", quantity="BIGINT"),
        "order_id": Value("order", "BIGINT"),
        **FLAGS,
    },
    event="ordered_on",
    period=MONTH,
)
BIKES = Facts("listed_bikes", "bikes", {**_values(bike="BIGINT"), **FLAGS})
SHOPS = Facts(
    "shops", "bikeshops", {**_values(shop="BIGINT", name="VARCHAR", city="VARCHAR", state="VARCHAR"), **FLAGS}
)
CUSTOMERS = Facts(
    "customers",
    "bike_customers",
    {**_values(customer="BIGINT"), "gender": Value("gender", "VARCHAR", nullable=True), **FLAGS},
)
PRICES = Facts(
    "prices",
    "bike_prices",
    _values(
        bike="BIGINT", model="VARCHAR", category1="VARCHAR", price_minor="BIGINT", listed="VARCHAR", at="TIMESTAMP"
    ),
    event="at",
)
FILES = Facts("audited_files", "bike_files", _values(file="VARCHAR", version="VARCHAR", repeated="BIGINT"))
REJECTED = Facts(
    "rejected_lines",
    "bike_rejected_lines",
    _values(file="VARCHAR", version="VARCHAR", key="VARCHAR", rules="VARCHAR[]"),
)
READS = (LINES, SHOPS, CUSTOMERS, PRICES)
# A bike costs what the last list at or before the order's day says; where there is none, what the newest one says.
SOLD = """
WITH history AS (
  SELECT bike, local::DATE AS since, arg_max(price_minor, listed) AS price_minor FROM prices GROUP BY ALL),
newest AS (
  SELECT bike, arg_max(model, listed) AS model, arg_max(category1, listed) AS category,
    arg_max(price_minor, listed) AS price_minor FROM prices GROUP BY bike),
sold AS (
  SELECT order_id, strftime(local, '%Y') AS year, strftime(local, '%Y-%m') AS month, quantity, l.customer AS shop_id,
    coalesce(n.model, 'unknown') AS model, coalesce(n.category, 'unknown') AS category,
    coalesce(s.name, 'unknown') AS shop, coalesce(s.city, 'unknown') AS city, coalesce(s.state, 'unknown') AS state,
    coalesce(c.gender, 'unknown') AS sex, quantity * coalesce(h.price_minor, n.price_minor, 0) AS revenue_minor
  FROM order_lines l ASOF LEFT JOIN history h ON l.product = h.bike AND l.local::DATE >= h.since
    LEFT JOIN newest n ON n.bike = l.product LEFT JOIN shops s ON s.shop = l.customer
    LEFT JOIN customers c ON c.customer = l.customer)
"""
SUMS = """sum(quantity)::BIGINT AS quantity, amount(sum(revenue_minor)) AS revenue,
  sum(revenue_minor)::BIGINT AS revenue_minor"""
# Over the table `sold` of the received files.
CHECKED_SUMS = """sum(quantity)::BIGINT AS quantity, (sum(revenue_minor) / 100)::DOUBLE AS revenue,
  sum(revenue_minor)::BIGINT AS revenue_minor"""


def best(keys: str, hidden: str = "") -> str:
    """The models of which most pieces were sold, by these keys; all of several that are equal."""
    grouped = ", ".join(filter(None, (keys, hidden)))
    more = f", {hidden}" if hidden else ""
    return f"""{SOLD}
SELECT {keys}, rank, model, quantity{more} FROM (
  SELECT {grouped}, model, sum(quantity)::BIGINT AS quantity,
    rank() OVER (PARTITION BY {grouped} ORDER BY sum(quantity) DESC) AS rank FROM sold GROUP BY {grouped}, model)
WHERE rank = 1 ORDER BY {keys}{more}, model
"""


def best_in_check(keys: str, hidden: str = "") -> str:
    """The same over the table `sold` of the received files."""
    grouped = ", ".join(filter(None, (keys, hidden)))
    more = f", {hidden}" if hidden else ""
    return f"""
WITH pieces AS (SELECT {grouped}, model, sum(quantity)::BIGINT AS quantity FROM sold GROUP BY ALL),
most AS (SELECT {grouped}, max(quantity) AS quantity FROM pieces GROUP BY ALL)
SELECT {keys}, 1::BIGINT AS rank, model, quantity{more} FROM pieces JOIN most USING ({grouped}, quantity)
ORDER BY {keys}{more}, model
"""
