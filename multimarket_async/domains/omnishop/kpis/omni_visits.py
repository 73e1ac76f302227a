"""Visits of the site by day."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import VISITS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT period AS day, sessions, views, searches, baskets, purchases, percent(purchases, sessions) AS conversion
FROM visits ORDER BY day
"""
CHECK = """
WITH dated AS (
  SELECT *, strftime("at" + shift, '%Y-%m-%d') AS day FROM good_events ASOF JOIN zone ON "at" >= utc_from)
SELECT day, count(DISTINCT session) AS sessions, count(*) FILTER (kind = 'view') AS views,
  count(*) FILTER (kind = 'search') AS searches, count(DISTINCT session) FILTER (kind = 'basket') AS baskets,
  count(DISTINCT session) FILTER (kind = 'purchase') AS purchases,
  percent(count(DISTINCT session) FILTER (kind = 'purchase'), count(DISTINCT session)) AS conversion
FROM dated GROUP BY day ORDER BY day
"""


def kpi(_: OmniSettings) -> Kpi:
    """Visits of the site by day."""
    return Kpi(
        name="omni_visits",
        title="Visits of the site",
        unit="visits",
        definition="Visits of each day, how many had something in the basket, and how many ended with an order.",
        reads=(VISITS,),
        columns=(
            columns.DAY,
            Column("sessions", "integer", "Visits", "visits"),
            Column("views", "integer", "Products viewed"),
            Column("searches", "integer", "Searches"),
            Column("baskets", "integer", "With a basket", "visits"),
            Column("purchases", "integer", "With an order", "visits"),
            Column("conversion", "percent", "Conversion", "%", nullable=True, of=("purchases", "sessions")),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Visits of the site": "Visites du site",
            "Visits": "Visites",
            "visits": "visites",
            "Products viewed": "Produits vus",
            "Searches": "Recherches",
            "With a basket": "Avec un panier",
            "With an order": "Avec une commande",
            "Conversion": "Conversion",
            "omni_visits": "Visites de chaque jour, celles avec un panier et celles qui finissent par une commande.",
        },
        place=2,
    )
