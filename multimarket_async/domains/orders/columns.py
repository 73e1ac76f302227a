"""Columns that several KPIs of orders share, and their French titles and units."""

from dataclasses import replace

from multimarket_async.domains import Column
from multimarket_async.domains.orders.settings import OrderSettings

CHANNEL = Column("channel", "string", "Channel")
ALL_ORDERS = Column("orders", "integer", "Orders, cancelled included")
CANCELLED_ORDERS = Column("cancelled_orders", "integer", "Cancelled orders")
ORDERS = Column("orders", "integer", "Orders, without cancelled")
UNCONVERTED = Column("unconverted", "integer", "Orders without an exchange rate")
BY_CHANNEL = (CHANNEL, ALL_ORDERS, CANCELLED_ORDERS)
RANK = Column("rank", "integer", "Rank", role="other")
SOLD = (RANK, Column("product", "string", "Product"), Column("quantity", "integer", "Quantity", "pieces"))
MONTHS, HOURLY_MONTHS = 13, 2  # before the newest one, of which days of products and cities are kept, and hours
# A condition for `{month}`: that of the newest rows of a table; and that of those before.
NEWEST = "{{month}} >= (SELECT max({period}) FROM {table})"
EARLIER = """{{month}} < (SELECT max({period}) FROM {table}) AND {{month}} >= (
    SELECT min(kept) FROM (SELECT DISTINCT {period} AS kept FROM {table} ORDER BY kept DESC LIMIT $kept))"""
RATIOS_IN_SQL = """count(*) FILTER (NOT cancelled AND factor IS NOT NULL) AS kept_orders,
  half_up(reported(sum(revenue_minor * factor)), kept_orders) AS average_order_value_minor,
  percent(count(*) FILTER (cancelled), count(*)) AS cancellation_rate_pct"""
FRENCH = {
    "Cancelled orders": "Commandes annulées",
    "Channel": "Canal",
    "Day": "Jour",
    "Month": "Mois",
    "Net quantity": "Quantité nette",
    "Net revenue": "Chiffre d'affaires net",
    "Orders without an exchange rate": "Commandes sans taux de change",
    "Refunds": "Remboursements",
    "Weight or measure": "Poids ou mesure",
    "Orders, cancelled included": "Commandes, annulées comprises",
    "Orders, without cancelled": "Commandes, hors annulées",
    "Product": "Produit",
    "Quantity": "Quantité",
    "Rank": "Rang",
    "Revenue": "Chiffre d'affaires",
    "Average order value": "Panier moyen",
    "Share of orders": "Part des commandes",
    "Start of the day": "Début du jour",
    "Start of the month": "Début du mois",
    "customers": "clients",
    "orders": "commandes",
    "pieces": "articles",
}


def earlier(months: int) -> str:
    """A condition for `{month}`: that of the rows of so many months before the newest one of a table."""
    return EARLIER.replace("$kept", str(months + 1))


def period(unit: str) -> tuple[Column, Column]:
    """A month or day as text, and the instant at which it begins."""
    return Column(unit, "string", unit.capitalize(), role="time"), Column(
        "period_start", "date", f"Start of the {unit}", hidden=True
    )


def amount(name: str, title: str, currency: str, *, hidden: bool = False) -> Column:
    """An amount in minor units of its currency."""
    return Column(name, "money", title, currency, hidden=hidden)


def revenue(currency: str, name: str = "revenue", title: str = "Revenue") -> tuple[Column, Column]:
    """A double, and the exact integer beside it."""
    return Column(name, "double", title, currency, exact=f"{name}_minor"), amount(f"{name}_minor", title, currency)


def net(settings: OrderSettings) -> tuple[Column, ...]:
    """Pieces and revenue without what was refunded, and quantities of goods that are weighed or measured."""
    return (
        Column("net_quantity", "integer", "Net quantity", "pieces"),
        *revenue(settings.currency, "net_revenue", "Net revenue"),
        Column("measured_quantity", "double", "Weight or measure", hidden=not settings.declared),
    )


def ratios(currency: str) -> tuple[Column, ...]:
    """The average order value and the cancellation rate, and the orders that the former is out of."""
    average, rate = ("revenue_minor", "kept_orders"), ("cancelled_orders", "orders")
    return (
        Column("kept_orders", "integer", ORDERS.title, hidden=True),
        replace(
            amount("average_order_value_minor", "Average order value", currency, hidden=True),
            of=average,
            role="ratio",
            nullable=True,
        ),
        Column("cancellation_rate_pct", "percent", "Cancellation rate", "%", True, of=rate, hidden=True),
    )
