"""The facts of orders, and the rollups by month, day and channel that more than one KPI reads."""

from multimarket_async.domains import Facts, Rollup, Value
from multimarket_async.domains.orders.settings import OrderSettings

COLLECTION = "commandes"
# Rows of few sums, of which MongoDB makes the headline KPIs.
MONTHLY = """
SELECT period AS month, start_of(period || '-01') AS period_start, channel, sum(orders)::BIGINT AS orders,
  sum(cancelled_orders)::BIGINT AS cancelled_orders, sum(revenue_minor)::BIGINT AS revenue_minor,
  sum(gross_revenue_minor)::BIGINT AS gross_revenue_minor
FROM orders GROUP BY ALL
"""


def facts(settings: OrderSettings) -> Facts:
    """An order; its period is the calendar month in the business time zone."""
    cancelled = ", ".join(_text(status) for status in settings.cancelled_statuses)
    fields = {
        "channel": Value("canal", "VARCHAR"),
        "ordered_at": Value("date_commande", "TIMESTAMP"),
        "status": Value("statut_commande", "VARCHAR"),
        "customer": Value("client_id", "VARCHAR"),
        "city": Value("livraison.ville", "VARCHAR", nullable=True),
        "minor": Value("montant_centimes", "BIGINT"),
        "products": Value("produits.nom", "VARCHAR[]"),
        "quantities": Value("produits.quantite", "BIGINT[]"),
        "lines_minor": Value("lignes_centimes", "BIGINT[]"),
    }
    columns = {"cancelled": f"status IN ({cancelled})" if cancelled else "false"}
    return Facts("facts", COLLECTION, fields, columns, event="ordered_at", period="strftime(local, '%Y-%m')")


def orders(settings: OrderSettings) -> Rollup:
    """Orders and revenue by day and channel."""
    query = """
SELECT period, strftime(local, '%Y-%m-%d') AS day, channel, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, coalesce(sum(minor) FILTER (NOT cancelled), 0) AS revenue_minor,
  sum(minor) AS gross_revenue_minor
FROM facts GROUP BY ALL
"""
    return Rollup("orders", facts(settings), query)


def products(settings: OrderSettings) -> Rollup:
    """Pieces and revenue by product, with those of cancelled orders beside."""
    query = """
SELECT period, product, coalesce(sum(quantity) FILTER (NOT cancelled), 0) AS quantity, sum(quantity) AS gross_quantity,
  coalesce(sum(minor) FILTER (NOT cancelled), 0) AS revenue_minor
FROM (SELECT period, cancelled, unnest(products) AS product, unnest(quantities) AS quantity,
    unnest(lines_minor) AS minor FROM facts)
GROUP BY ALL
"""
    return Rollup("products", facts(settings), query)


def kept(settings: OrderSettings, name: str, *keys: str, where: str = "true") -> Rollup:
    """Orders and revenue by these keys, expressions `... AS name`, without cancelled orders."""
    query = f"""
SELECT period, {", ".join(keys)}, count(*) AS orders, sum(minor) AS revenue_minor
FROM facts WHERE NOT cancelled AND {where} GROUP BY ALL
"""
    return Rollup(name, facts(settings), query)


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
