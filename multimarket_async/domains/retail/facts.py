"""The facts of retail: hours of stores, lines of tickets by day and product, and the lists of stores and products."""

from multimarket_async.domains import Facts, Rollup, Value

STORES = Facts("stores", "retail_stores", {"store": Value("id", "VARCHAR"), "name": Value("name", "VARCHAR")})
PRODUCTS = Facts(
    "products",
    "retail_products",
    {
        "product": Value("product_id", "VARCHAR"),
        "name": Value("name", "VARCHAR"),
        "since": Value("since", "VARCHAR"),
        "cost_minor": Value("cost_minor", "BIGINT"),
    },
)
FOOTFALL = Facts(
    "footfall",
    "retail_footfall",
    {
        "at": Value("at", "TIMESTAMP"),
        "date": Value("date", "VARCHAR"),
        "store": Value("store_id", "VARCHAR"),
        "name": Value("store_name", "VARCHAR"),
        "hour": Value("hour", "BIGINT"),
        "visitors": Value("visitors", "BIGINT", nullable=True),
        "tickets": Value("sales", "BIGINT", nullable=True),
    },
    event="at",
    period="date",
)
LINES = Facts(
    "lines",
    "retail_sales",
    {
        "sold_at": Value("sold_at", "TIMESTAMP"),
        "date": Value("sale_date", "VARCHAR"),
        "store": Value("store_id", "VARCHAR"),
        "product": Value("product_id", "VARCHAR"),
        "quantity": Value("quantity", "BIGINT"),
        "minor": Value("amount_minor", "BIGINT"),
    },
    event="sold_at",
    period="date",
)
SOLD = Rollup(
    "sold",
    LINES,
    """
SELECT period, store, product, sum(quantity)::BIGINT AS quantity, sum(minor)::BIGINT AS minor, count(*) AS lines
FROM lines GROUP BY ALL
""",
)
READ = (STORES, PRODUCTS, FOOTFALL, SOLD)
