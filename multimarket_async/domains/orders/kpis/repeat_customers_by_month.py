"""Repeat customers by month."""

from multimarket_async.domains import Column, Kpi, Rollup
from multimarket_async.domains.orders import columns, rollups
from multimarket_async.domains.orders.settings import OrderSettings

# A month keeps the number of its customers, not their names.
CUSTOMERS = """
SELECT period, count(*) AS customers, count(*) FILTER (orders > 1) AS repeat_customers
FROM (SELECT period, customer, count(*) AS orders FROM facts WHERE NOT cancelled AND NOT credit AND customer IS NOT NULL
  GROUP BY ALL)
GROUP BY period
"""
QUERY = """
SELECT period AS month, start_of(period || '-01') AS period_start, customers, repeat_customers,
  percent(repeat_customers, customers) AS repeat_rate_pct
FROM customers ORDER BY month
"""
CHECK = """
SELECT month, start_of(month || '-01') AS period_start, count(*) AS customers,
  count(*) FILTER (orders > 1) AS repeat_customers, percent(repeat_customers, customers) AS repeat_rate_pct
FROM (SELECT month, customer, count(*) AS orders FROM commandes WHERE NOT cancelled AND customer IS NOT NULL
  GROUP BY ALL)
GROUP BY month ORDER BY month
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a month."""
    shown = (
        *columns.period("month"),
        Column("customers", "integer", "Customers", role="other"),
        Column("repeat_customers", "integer", "Repeat customers", role="other"),
        Column("repeat_rate_pct", "percent", "Repeat rate", "%"),
    )
    return Kpi(
        name="repeat_customers_by_month",
        title="Repeat customers by month",
        unit="customers",
        definition=(
            f"Customers of each calendar month ({settings.timezone}), over all channels, without cancelled orders and "
            "without guests; "
            "those who ordered twice or more in that month; and these in percent of all."
        ),
        reads=(Rollup("customers", rollups.facts(settings), CUSTOMERS),),
        columns=shown,
        query=QUERY,
        check=CHECK,
        french={
            "Repeat customers by month": "Clients fidèles par mois",
            "Customers": "Clients",
            "Repeat customers": "Clients fidèles",
            "Repeat rate": "Taux de fidélité",
            "repeat_customers_by_month": (
                f"Clients de chaque mois ({settings.timezone}), tous canaux confondus, hors commandes annulées et "
                "clients de passage ; ceux qui ont commandé au moins deux fois dans le mois ; et leur part en "
                "pour cent."
            ),
        },
        place=10,
    )
