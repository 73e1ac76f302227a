"""Columns that several KPIs of bikes share, and their French words."""

from multimarket_async.domains import Column

UNKNOWN = (("unknown", "unknown"),)
MODEL, SHOP = Column("model", "string", "Model", labels=UNKNOWN), Column("shop", "string", "Shop", labels=UNKNOWN)
CITY, STATE = Column("city", "string", "City", labels=UNKNOWN), Column("state", "string", "State", labels=UNKNOWN)
CATEGORY = Column("category", "string", "Category", labels=UNKNOWN)
SEX = Column("sex", "string", "Sex", labels=(("Male", "men"), ("Female", "women"), *UNKNOWN))
YEAR = Column("year", "string", "Year", role="time")
ORDERS = Column("orders", "integer", "Orders", role="other")
QUANTITY = Column("quantity", "integer", "Bikes sold")
RANK = Column("rank", "integer", "Rank", role="other")
SHOP_ID = Column("shop_id", "integer", "Number of the shop", role="key", hidden=True)
KIND = Column("kind", "string", "Kind of bike")
SEGMENT = Column("segment", "integer", "Segment", role="key")
BEATS = Column("beats_baseline", "boolean", "Better than the baseline", role="other")
MONTH = Column("month", "string", "Month", role="time")
ALL = "(all)"  # all models together
FORECAST_MODEL = Column("model", "string", "Model", labels=((ALL, "all models"),), total=ALL)
EXPECTED = Column("expected", "double", "Expected", "bikes", role="sum")
LOW = Column("low", "double", "In one of ten cases less", "bikes", nullable=True)
HIGH = Column("high", "double", "In one of ten cases more", "bikes", nullable=True)
FRENCH = {
    "Kind of bike": "Sorte de vélo", "Segment": "Segment", "Expected": "Attendus", "all models": "tous les modèles",
    "In one of ten cases less": "Moins une fois sur dix", "In one of ten cases more": "Plus une fois sur dix",
    "segments": "segments",
    "Model": "Modèle", "Shop": "Magasin", "City": "Ville", "State": "État", "Category": "Catégorie", "Sex": "Sexe",
    "men": "hommes", "women": "femmes", "unknown": "inconnu", "Year": "Année", "Orders": "Commandes",
    "orders": "commandes", "Bikes sold": "Vélos vendus", "bikes": "vélos", "Rank": "Rang",
    "Number of the shop": "Numéro du magasin", "Revenue": "Chiffre d'affaires", "Month": "Mois",
}  # fmt: skip


def revenue(currency: str) -> tuple[Column, Column]:
    """A double, and the exact integer beside it."""
    return (
        Column("revenue", "double", "Revenue", currency, exact="revenue_minor"),
        Column("revenue_minor", "money", "Revenue", currency, decimals=2),
    )
