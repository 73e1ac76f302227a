"""Columns that several KPIs of omnishop share, and their French words."""

from multimarket_async.domains import Column

DAY = Column("day", "string", "Day", role="time")
CHANNEL = Column(
    "channel", "string", "Channel", labels=(("web", "web"), ("store", "stores"), ("all", "web and stores"))
)
CATEGORY = Column("category", "string", "Category", labels=(("unknown", "unknown"),))
PRODUCT = Column("product", "string", "Product")
PLACE = Column("place", "string", "Place")
STORE = Column("store", "string", "Store")
CLIENTS = Column("clients", "integer", "Clients")
REASON = Column("reason", "string", "Reason")
FRENCH = {
    "Day": "Jour", "Channel": "Canal", "web": "web", "stores": "magasins", "web and stores": "web et magasins",
    "Category": "Catégorie", "unknown": "inconnue", "Product": "Produit", "Place": "Lieu", "Store": "Magasin",
    "Clients": "Clients", "clients": "clients", "Reason": "Raison", "units": "pièces", "orders": "commandes",
    "s": "s", "Orders": "Commandes", "Units": "Pièces", "Revenue": "Chiffre d'affaires", "Units sold": "Pièces vendues",
    "{} is {}, which is no day of the calendar": "{} est {}, qui n'est pas un jour du calendrier",
    "{} is {}, before 1970": "{} est {}, avant 1970",
}  # fmt: skip


def money(name: str, title: str, currency: str) -> Column:
    """An amount in cents."""
    return Column(name, "money", title, currency, decimals=2)
