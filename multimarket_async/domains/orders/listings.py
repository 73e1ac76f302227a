"""The listing of orders, and which of their attributes are personal."""

from multimarket_async.domains import Attribute, Column, Listing
from multimarket_async.domains.orders.columns import amount
from multimarket_async.domains.orders.rollups import COLLECTION
from multimarket_async.domains.orders.settings import OrderSettings

FRENCH = {
    "City of delivery": "Ville de livraison",
    "Currency": "Devise",
    "Date of the order": "Date de la commande",
    "Feed": "Source",
    "File, as in the archive": "Fichier, comme dans l'archive",
    "Number in its channel": "Numéro dans son canal",
    "Products": "Produits",
    "Status": "Statut",
    "Stored at": "Enregistrée le",
    "Total": "Total",
    "Total in its currency": "Total dans sa devise",
}


def _total(settings: OrderSettings) -> Column:
    """The total of an order; each may have a currency of its own, where there are exports of other systems."""
    if settings.declared:
        return Column("total", "double", "Total in its currency", decimals=4)
    return Column("total", "double", "Total", settings.currency, exact="total_minor")


def listings(settings: OrderSettings) -> tuple[Listing, ...]:
    """The listing of the orders domain."""
    total = _total(settings)
    exact = (Attribute(amount("total_minor", "Total", settings.currency), "montant_centimes"),)
    if settings.declared:
        exact = (Attribute(Column("currency", "string", "Currency", nullable=True), "devise", filtered=True),)
    attributes = (
        Attribute(Column("order_id", "string", "Number in its channel"), "order_id"),
        Attribute(Column("channel", "string", "Channel"), "canal", filtered=True),
        Attribute(Column("status", "string", "Status"), "statut_commande", filtered=True),
        Attribute(total, "montant_total"),
        *exact,
        Attribute(Column("city", "string", "City of delivery", nullable=True), "livraison.ville", filtered=True),
        Attribute(Column("product", "string", "Products"), "produits.nom", filtered=True, several=True),
        Attribute(Column("ingested_at", "date", "Stored at"), "ingestion.ingested_at"),
        Attribute(Column("feed", "string", "Feed"), "ingestion.feed"),
        Attribute(Column("file", "string", "File, as in the archive"), "ingestion.file"),
        Attribute(Column("client_id", "string", "Customer"), "client_id", personal=True),
        Attribute(Column("address", "string", "Address", nullable=True), "livraison.adresse", personal=True),
    )
    dated = Attribute(Column("date", "date", "Date of the order"), "date_commande")
    return (Listing("orders", "Orders", COLLECTION, dated, attributes),)
