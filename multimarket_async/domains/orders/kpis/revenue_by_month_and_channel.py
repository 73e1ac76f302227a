"""Revenue by month and channel."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders import columns, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

SUMS = ("orders", "cancelled_orders", "revenue_minor", "gross_revenue_minor")
CHECK = f"""
SELECT month, start_of(month || '-01') AS period_start, channel, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, amount(sum(revenue_minor)) AS revenue,
  sum(revenue_minor) AS revenue_minor, amount(sum(minor)) AS gross_revenue,
  sum(minor) AS gross_revenue_minor, {columns.RATIOS_IN_SQL}
FROM commandes GROUP BY month, channel ORDER BY month, channel
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a month and channel."""
    shown = (
        *columns.period("month"),
        *columns.BY_CHANNEL,
        *columns.revenue(settings.currency),
        *columns.revenue(settings.currency, "gross_revenue", "Gross revenue"),
        *columns.ratios(settings.currency),
    )
    return Kpi(
        name="revenue_by_month_and_channel",
        title="Revenue by month and channel",
        unit=settings.currency,
        definition=(
            f"Sum of the order totals of each channel and calendar month ({settings.timezone}), without cancelled "
            "orders. The gross figures count every order."
        ),
        reads=(rollups.orders(settings),),
        columns=shown,
        query=rollups.MONTHLY,
        pipeline=(
            *mql.sums({"month": "$month", "period_start": "$period_start", "channel": "$channel"}, *SUMS),
            *mql.table(shown, "month", "channel", **mql.RATIOS),
        ),
        check=CHECK,
        french=_french(settings.timezone),
        headline=True,
        place=1,
    )


def _french(timezone: str) -> dict[str, str]:
    return {
        "Revenue by month and channel": "Chiffre d'affaires par mois et par canal",
        "Gross revenue": "Chiffre d'affaires brut",
        "revenue_by_month_and_channel": (
            f"Somme des commandes de chaque canal et mois ({timezone}), hors commandes annulées. "
            "Les montants bruts comptent toutes les commandes."
        ),
    }
