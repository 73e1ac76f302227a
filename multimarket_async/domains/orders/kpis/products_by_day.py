"""Products by day, of the newest month."""

from multimarket_async.domains import Column, Kpi, Source
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

PRODUCTS = 100
QUERY = f"""
WITH moved AS (
  SELECT *, left(day, 7) AS month FROM ({{net}}) WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0),
shown AS (
  SELECT month, product FROM moved GROUP BY month, product
  QUALIFY row_number() OVER (PARTITION BY month ORDER BY sum(quantity) DESC, product) <= {PRODUCTS})
SELECT day, product, quantity, revenue_minor{{also}}
FROM moved JOIN shown USING (month, product) ORDER BY day, product
"""
CHECK = f"""
WITH sums AS (
  SELECT day, form, sum(quantity) AS quantity, sum(quantity) - sum(given_back) AS net_quantity,
    reported(sum(minor * factor)) AS revenue_minor, reported(sum(refunds_minor * factor)) AS refunds_minor
  FROM sold_and_refunded WHERE {{which}} GROUP BY day, form),
moved AS (
  SELECT *, left(day, 7) AS month, revenue_minor - refunds_minor AS net_revenue_minor
  FROM sums JOIN product_names USING (form) WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0),
shown AS (
  SELECT month, product FROM moved GROUP BY month, product
  QUALIFY row_number() OVER (PARTITION BY month ORDER BY sum(quantity) DESC, product) <= {PRODUCTS})
SELECT day, product, quantity, revenue_minor{{also}}
FROM moved JOIN shown USING (month, product) ORDER BY day, product
"""


def columns_of(settings: OrderSettings) -> tuple[Column, ...]:
    """The columns of days and products."""
    return (
        Column("day", "string", "Day", role="time"),
        Column("product", "string", "Product"),
        Column("quantity", "integer", "Quantity", "pieces"),
        columns.amount("revenue_minor", "Revenue", settings.currency),
        *_net(settings),
    )


def _net(settings: OrderSettings) -> tuple[Column, ...]:
    """Net figures, where there can be refunds."""
    net = columns.amount("net_revenue_minor", "Net revenue", settings.currency)
    return (Column("net_quantity", "integer", "Net quantity", "pieces"), net) if settings.declared else ()


def _also(settings: OrderSettings) -> str:
    return "".join(f", {column.name}" for column in _net(settings))


def reads(settings: OrderSettings) -> tuple[Source, ...]:
    """The rollup of products, those of refunds, and the rates of their currencies."""
    return *rollups.refunded(settings, rollups.products(settings)), *money.rates(settings)


def query(settings: OrderSettings, which: str) -> str:
    """The rows of the newest or earlier months, as a condition of `columns` says."""
    sold = rollups.net_products(settings, "day", which.format(period="period", table="products"))
    return QUERY.format(net=sold, also=_also(settings))


def check(settings: OrderSettings, which: str) -> str:
    """The same in SQL over the received files."""
    return CHECK.format(
        also=_also(settings), which=which.format(period="month", table="commandes").format(month="month")
    )


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and product."""
    return Kpi(
        name="products_by_day",
        title="Products by day",
        unit="pieces",
        definition=(
            f"Pieces sold and revenue by day ({settings.timezone}), without cancelled orders, of the {PRODUCTS} "
            "products, by name, of which most pieces were sold in the month; of the newest month. "
            "Net figures are without what was refunded on that day."
        ),
        reads=reads(settings),
        columns=columns_of(settings),
        query=query(settings, columns.NEWEST),
        check=check(settings, columns.NEWEST),
        french={
            "Products by day": "Produits par jour",
            "products_by_day": (
                f"Articles vendus et chiffre d'affaires par jour ({settings.timezone}), hors commandes annulées, des "
                f"{PRODUCTS} produits, par nom, les plus vendus du mois ; du dernier mois. Les valeurs nettes sont "
                "diminuées des remboursements du jour."
            ),
        },
        place=15,
    )
