"""Units to order by place and product."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT place, product, order_by, stock, quantity FROM reorder_rows ORDER BY place, product
"""


def kpi(_: OmniSettings) -> Kpi:
    """Units to order by place and product."""
    return Kpi(
        name="reorder_advice",
        title="What to order",
        unit="units",
        definition=(
            "Units of each product that a place needs to last the week to come in nine of ten cases, and when to"
            " order them."
        ),
        reads=(FACTS["reorder"],),
        columns=(
            columns.PLACE,
            columns.PRODUCT,
            Column("order_by", "string", "Order by", role="other"),
            Column("stock", "integer", "Units in stock", "units"),
            Column("quantity", "integer", "Units to order", "units"),
        ),
        query=QUERY,
        check=QUERY,
        french={
            "What to order": "À commander",
            "Order by": "Commander avant",
            "Units in stock": "Pièces en stock",
            "Units to order": "Pièces à commander",
            "reorder_advice": (
                "Pièces de chaque produit qu'il faut à un lieu pour la semaine à venir dans neuf cas sur dix, et quand"
                " commander."
            ),
        },
        place=9,
    )
