"""Visitors, waiting and tills by day and store."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import COUNTED, TILLS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT c.period AS day, store, visitors, coalesce(orders, 0) AS orders, waited_s,
  amount(half_up(100 * waited_s, visitors)) AS wait_s, percent(coalesce(orders, 0), visitors) AS conversion
FROM counted c LEFT JOIN tills t ON t.period = c.period AND place = store ORDER BY day, store
"""
CHECK = """
WITH dated AS (
  SELECT *, strftime("at" + shift, '%Y-%m-%d') AS day FROM good_sensors ASOF JOIN zone ON "at" >= utc_from),
sales AS (SELECT day, place, count(DISTINCT order_id) AS orders FROM order_lines WHERE kind = 'sale'
  GROUP BY day, place)
SELECT d.day, store, sum(visitors)::BIGINT AS visitors, coalesce(any_value(orders), 0) AS orders,
  sum(visitors * queue_s)::BIGINT AS waited_s, amount(half_up(100 * sum(visitors * queue_s), sum(visitors))) AS wait_s,
  percent(coalesce(any_value(orders), 0), sum(visitors)) AS conversion
FROM dated d LEFT JOIN sales s ON s.day = d.day AND place = store GROUP BY d.day, store ORDER BY d.day, store
"""


def kpi(_: OmniSettings) -> Kpi:
    """Visitors, waiting and tills by day and store."""
    return Kpi(
        name="omni_stores",
        title="Visitors and waiting of stores",
        unit="visitors",
        definition=(
            "Visitors of each store and day, the orders that they left with, and their mean wait at the tills in"
            " seconds."
        ),
        reads=(COUNTED, TILLS),
        columns=(
            columns.DAY,
            columns.STORE,
            Column("visitors", "integer", "Visitors", "visitors"),
            Column("orders", "integer", "Orders", "orders"),
            Column("waited_s", "integer", "Seconds waited by all", "s", hidden=True),
            Column("wait_s", "double", "Mean wait", "s", nullable=True, of=("waited_s", "visitors")),
            Column("conversion", "percent", "Conversion", "%", nullable=True, of=("orders", "visitors")),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Visitors and waiting of stores": "Visiteurs et attente des magasins",
            "Visitors": "Visiteurs",
            "visitors": "visiteurs",
            "Seconds waited by all": "Secondes attendues par tous",
            "Mean wait": "Attente moyenne",
            "Conversion": "Conversion",
            "omni_stores": (
                "Visiteurs de chaque magasin et jour, leurs achats et leur attente moyenne en caisse, en secondes."
            ),
        },
        place=4,
    )
