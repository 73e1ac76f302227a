"""Orders that look like frauds."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns, fraud
from multimarket_async.domains.omnishop.facts import ORDERS
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings


def kpi(settings: OmniSettings) -> Kpi:
    """Orders whose score reaches that of an alert."""
    return Kpi(
        name="fraud_alerts",
        title="Suspicious orders",
        unit="orders",
        definition=(
            f"Orders of the last {settings.alert_days} days that look like those that turned out to be frauds, from one"
            " order in a hundred on, with the reasons. Only what came before an order counts."
        ),
        reads=(ORDERS, FACTS["fraud_model"]),
        columns=(
            Column("order", "string", "Order"),
            Column("ordered_at", "string", "Ordered at", role="other"),
            Column("kind", "string", "Kind", labels=(("sale", "sale"), ("refund", "refund"))),
            columns.CHANNEL,
            columns.money("amount_minor", "Amount", settings.currency),
            Column("score", "double", "Score", role="other"),
            Column("reasons", "string", "Reasons", sentences=True),
        ),
        query=fraud.alerts(fraud.COUNTED, "orders", "fraud_model_rows", settings.alert_days),
        check=fraud.alerts(fraud.CHECKED, "watched", "fraud_model_rows", settings.alert_days),
        french={
            "Suspicious orders": "Commandes suspectes", "Order": "Commande", "Ordered at": "Passée le",
            "Kind": "Sorte", "sale": "vente", "refund": "retour", "Amount": "Montant", "Score": "Score",
            "Reasons": "Raisons", **fraud.FRENCH,
            "fraud_alerts": (
                "Commandes récentes qui ressemblent à des fraudes avérées, à partir d'une sur cent, avec les raisons."
                " Seul compte ce qui précède une commande."
            ),
        },
        key=("order",),
        place=0,
    )  # fmt: skip
