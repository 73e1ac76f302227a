"""The star schema of retail: hours of stores, and what they sold by day and product; nothing of clients."""

from multimarket_async.domains import Facts, StarTable, Value
from multimarket_async.domains.retail.days import days, units
from multimarket_async.domains.retail.facts import FOOTFALL, READ, SOLD
from multimarket_async.domains.retail.settings import RetailSettings

AMOUNT = "numeric(20, {})"
STORES = Facts(
    "store_list",
    "retail_stores",
    {
        **{name: Value(of, "VARCHAR") for name, of in {"store": "id", "name": "name", "location": "location"}.items()},
        "capacity": Value("capacity", "BIGINT"),
    },
)
PRODUCTS = Facts(
    "price_lists",
    "retail_products",
    {
        "product": Value("product_id", "VARCHAR"),
        **{name: Value(name, "VARCHAR") for name in ("name", "category", "since")},
    },
)


def star(settings: RetailSettings) -> tuple[StarTable, ...]:
    """Three dimensions and three facts."""
    return (*_dimensions(), _hours(), _sold(settings), _days(settings))


def _dimensions() -> tuple[StarTable, ...]:
    return (
        StarTable(
            "dim_store",
            "Stores: those of the list, and others that counted visitors or sold.",
            (STORES, FOOTFALL, SOLD),
            """SELECT store AS store_id, coalesce(s.name, f.name, store) AS name, location, capacity
FROM (SELECT store FROM footfall UNION SELECT store FROM sold UNION SELECT store FROM store_list)
  LEFT JOIN store_list s USING (store)
  LEFT JOIN (SELECT store, arg_max(name, date) AS name FROM footfall GROUP BY store) f USING (store)""",
            {"store_id": "text", "name": "text", "location": "text", "capacity": "bigint"},
            ("store_id",),
        ),
        StarTable(
            "dim_article",
            "Products, by the newest price list; those without a name are in none.",
            (PRODUCTS, SOLD),
            """SELECT product AS product_id, arg_max(name, since) AS name, arg_max(category, since) AS category
FROM (SELECT product FROM sold UNION SELECT product FROM price_lists) LEFT JOIN price_lists USING (product)
GROUP BY product""",
            {"product_id": "text", "name": "text", "category": "text"},
            ("product_id",),
        ),
        StarTable(
            "dim_sales_date",
            "Days with visitors or sales, in the business time zone; weekday 1 is Monday.",
            (FOOTFALL, SOLD),
            """SELECT date::DATE AS day, year(day)::INT AS year, quarter(day)::INT AS quarter, month(day)::INT AS month,
  isodow(day)::INT AS weekday FROM (SELECT DISTINCT date FROM footfall UNION SELECT DISTINCT period FROM sold)""",
            {"day": "date", **dict.fromkeys(("year", "quarter", "month", "weekday"), "int")},
            ("day",),
        ),
    )


def _hours() -> StarTable:
    return StarTable(
        "fact_store_hour",
        "A row a day, hour and store, as its counter said: a number that is missing is null.",
        (FOOTFALL,),
        "SELECT date::DATE AS day, hour, store AS store_id, visitors, tickets FROM footfall",
        {"day": "date", "hour": "bigint", "store_id": "text", "visitors": "bigint", "tickets": "bigint"},
        ("day", "hour", "store_id"),
        {"day": "dim_sales_date", "store_id": "dim_store"},
    )


def _sold(settings: RetailSettings) -> StarTable:
    return StarTable(
        "fact_article_day",
        f"A row a day, store and product: lines of tickets, pieces, revenue in {settings.currency}.",
        (SOLD,),
        f"""SELECT period::DATE AS day, store AS store_id, product AS product_id, lines, quantity,
  minor AS revenue_minor, {units("minor", settings.exponent)} AS revenue FROM sold""",
        {
            "day": "date",
            **dict.fromkeys(("store_id", "product_id"), "text"),
            **dict.fromkeys(("lines", "quantity", "revenue_minor"), "bigint"),
            "revenue": AMOUNT.format(settings.exponent),
        },
        ("day", "store_id", "product_id"),
        {"day": "dim_sales_date", "store_id": "dim_store", "product_id": "dim_article"},
    )


def _days(settings: RetailSettings) -> StarTable:
    amounts = ("revenue", "cost", "margin")
    chosen = ", ".join(f"{units(name, settings.exponent)} AS {name}" for name in amounts)
    return StarTable(
        "fact_store_day",
        f"A row a day and store: visitors (imputed where the counter failed), tickets, amounts in {settings.currency}.",
        READ,
        f"{days(settings)} SELECT date::DATE AS day, store AS store_id, visitors, tickets, quantity, {chosen},"
        " imputed AS imputed_hours FROM days",
        {
            "day": "date",
            "store_id": "text",
            **dict.fromkeys(("visitors", "tickets", "quantity"), "bigint"),
            **dict.fromkeys(amounts, AMOUNT.format(settings.exponent)),
            "imputed_hours": "bigint",
        },
        ("day", "store_id"),
        {"day": "dim_sales_date", "store_id": "dim_store"},
    )
