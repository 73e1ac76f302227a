"""Columns that several KPIs of orders share, and their French titles and units."""

from multimarket_async.domains import Column

CHANNEL = Column("channel", "string", "Channel")
ALL_ORDERS = Column("orders", "integer", "Orders, cancelled included")
CANCELLED_ORDERS = Column("cancelled_orders", "integer", "Cancelled orders")
ORDERS = Column("orders", "integer", "Orders, without cancelled")
BY_CHANNEL = (CHANNEL, ALL_ORDERS, CANCELLED_ORDERS)
RANK = Column("rank", "integer", "Rank")
SOLD = (RANK, Column("product", "string", "Product"), Column("quantity", "integer", "Quantity", "pieces"))
FRENCH = {
    "Cancelled orders": "Commandes annulées",
    "Channel": "Canal",
    "Day": "Jour",
    "Month": "Mois",
    "Orders, cancelled included": "Commandes, annulées comprises",
    "Orders, without cancelled": "Commandes, hors annulées",
    "Product": "Produit",
    "Quantity": "Quantité",
    "Rank": "Rang",
    "Revenue": "Chiffre d'affaires",
    "Revenue in minor units": "Chiffre d'affaires en centimes",
    "Share of orders": "Part des commandes",
    "Start of the day": "Début du jour",
    "Start of the month": "Début du mois",
    "customers": "clients",
    "minor units": "centimes",
    "orders": "commandes",
    "pieces": "articles",
}


def period(unit: str) -> tuple[Column, Column]:
    """A month or day as text, and the instant at which it begins."""
    return Column(unit, "string", unit.capitalize()), Column("period_start", "date", f"Start of the {unit}")


def revenue(currency: str) -> tuple[Column, Column]:
    """A double for people, and the exact integer beside it."""
    return (
        Column("revenue", "double", "Revenue", currency),
        Column("revenue_minor", "integer", "Revenue in minor units", "minor units"),
    )
