"""Sums by UTC day and channel, then by business month, that more than one KPI reads, and the facts of orders."""

from collections.abc import Mapping

from multimarket_async.domains import Expression, Facts, Rollup, Stage
from multimarket_async.domains.orders.settings import OrderSettings

COLLECTION = "commandes"


def facts(settings: OrderSettings) -> Facts:
    """The values of an order; its period is the calendar month in the business time zone."""
    local = {"date": "$date_commande", "timezone": settings.timezone}
    values = {
        "channel": "$canal",
        "day": {"$dateToString": {**local, "format": "%Y-%m-%d"}},
        # $literal: a status that starts with "$" is text, not a field path.
        "cancelled": {"$in": ["$statut_commande", {"$literal": list(settings.cancelled_statuses)}]},
        "minor": "$montant_centimes",
        "lines_minor": "$lignes_centimes",
        "customer": "$client_id",
        "city": "$livraison.ville",
        "weekday": {"$isoDayOfWeek": local},
        "hour": {"$hour": local},
        "pieces": {"$sum": "$produits.quantite"},
        "lines": {"$map": {"input": "$produits", "in": {"product": "$$this.nom", "quantity": "$$this.quantite"}}},
    }
    return Facts(COLLECTION, "date_commande", {"$dateToString": {**local, "format": "%Y-%m"}}, values)


def orders(settings: OrderSettings) -> Rollup:
    """Orders and revenue by day and channel."""
    sums = {
        "orders": 1,
        "cancelled_orders": {"$cond": ["$cancelled", 1, 0]},
        "revenue_minor": _kept("$minor"),
        "gross_revenue_minor": "$minor",
    }
    return Rollup("orders", facts(settings), by={"day": "$day", "channel": "$channel"}, sums=sums)


def products(settings: OrderSettings) -> Rollup:
    """Pieces and revenue by product."""
    sums = {
        "quantity": _kept("$lines.quantity"),
        "gross_quantity": "$lines.quantity",
        "revenue_minor": _kept({"$arrayElemAt": ["$lines_minor", "$line"]}),
    }
    lines = {"$unwind": {"path": "$lines", "includeArrayIndex": "line"}}
    return Rollup("products", facts(settings), by={"product": "$lines.product"}, sums=sums, prepare=(lines,))


def kept(settings: OrderSettings, name: str, by: Mapping[str, Expression], *prepare: Stage) -> Rollup:
    """Orders and revenue by these keys, without cancelled orders."""
    sums = {"orders": 1, "revenue_minor": "$minor"}
    return Rollup(name, facts(settings), by, sums, ({"$match": {"cancelled": False}}, *prepare))


def _kept(number: Expression) -> Expression:
    return {"$cond": ["$cancelled", 0, number]}
