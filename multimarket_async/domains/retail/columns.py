"""Columns that the KPIs of retail share, and the words of all of them in French."""

from multimarket_async.domains import Column
from multimarket_async.domains.retail.records import ALL_STORES

STORE = (
    Column("store_id", "string", "Store number", hidden=True, total=ALL_STORES),
    Column("store_name", "string", "Store", total=ALL_STORES),
)
COUNTS = (
    Column("total_visitors", "integer", "Visitors"),
    Column("total_transactions", "integer", "Sales"),
    Column("total_quantity", "integer", "Quantity", "pieces"),
)
AMOUNTS = {"total_revenue": "Revenue", "total_cost": "Cost", "total_margin": "Margin"}
FAULTS = (
    Column("imputed_hours", "integer", "Hours with imputed visitors"),
    Column("hours_without_sales", "integer", "Hours without a number of sales"),
    Column("lines_without_cost", "integer", "Lines sold without a cost"),
)


def sums(currency: str) -> tuple[Column, ...]:
    """Counts, and amounts as doubles."""
    amounts = (Column(name, "double", title, currency, exact=f"{name}_minor") for name, title in AMOUNTS.items())
    return (*COUNTS, *amounts)


def exact(currency: str) -> tuple[Column, ...]:
    """The same amounts without rounding."""
    return tuple(Column(f"{name}_minor", "money", title, currency) for name, title in AMOUNTS.items())


def rates(currency: str) -> tuple[Column, ...]:
    """Ratios of sums; null over nothing."""
    quotients = {
        "avg_transaction_value": ("Basket", "total_revenue_minor", "total_transactions"),
        "revenue_per_visitor": ("Revenue per visitor", "total_revenue_minor", "total_visitors"),
        "margin_per_visitor": ("Margin per visitor", "total_margin_minor", "total_visitors"),
    }
    conversion = ("total_transactions", "total_visitors")
    return (
        Column("conversion_rate", "percent", "Conversion rate", "%", nullable=True, of=conversion),
        *(
            Column(name, "double", title, currency, nullable=True, of=(part, whole))
            for name, (title, part, whole) in quotients.items()
        ),
    )


FRENCH = {
    "Retail": "Magasins",
    "retail": "ventes en magasin",
    "Store number": "Numéro du magasin",
    "Store": "Magasin",
    "Visitors": "Visiteurs",
    "Sales": "Ventes",
    "Quantity": "Quantité",
    "pieces": "articles",
    "store days": "jours de magasin",
    "Revenue": "Chiffre d'affaires",
    "Cost": "Coût",
    "Margin": "Marge",
    "Conversion rate": "Taux de conversion",
    "Basket": "Panier moyen",
    "Revenue per visitor": "Chiffre d'affaires par visiteur",
    "Margin per visitor": "Marge par visiteur",
    "Hours with imputed visitors": "Heures aux visiteurs estimés",
    "Hours without a number of sales": "Heures sans nombre de ventes",
    "Lines sold without a cost": "Lignes vendues sans coût connu",
}
