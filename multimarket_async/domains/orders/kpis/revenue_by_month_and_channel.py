"""Revenue by month and channel."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders import columns, money, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

SUMS = ("orders", "cancelled_orders", "kept_orders", "unconverted", "revenue_minor", "gross_revenue_minor",
        "refunds_minor", "net_revenue_minor")  # fmt: skip
QUERY = """
SELECT month, start_of(month || '-01') AS period_start, channel, coalesce(orders, 0)::BIGINT AS orders,
  coalesce(cancelled_orders, 0)::BIGINT AS cancelled_orders, coalesce(kept_orders, 0)::BIGINT AS kept_orders,
  coalesce(orders - valued_orders, 0)::BIGINT AS unconverted, coalesce(revenue_minor, 0) AS revenue_minor,
  coalesce(gross_revenue_minor, 0) AS gross_revenue_minor, coalesce(refunds, 0) AS refunds_minor,
  coalesce(revenue_minor, 0) - coalesce(refunds, 0) AS net_revenue_minor
FROM {amounts}
"""
MONTH = "left(day, 7) AS month"
CHECK = f"""
WITH sold AS (
  SELECT month, channel, count(*) AS orders, count(*) FILTER (cancelled) AS cancelled_orders,
    reported(sum(revenue_minor * factor)) AS revenue_minor, reported(sum(minor * factor)) AS gross_revenue_minor,
    count(*) FILTER (factor IS NULL) AS unconverted, {columns.RATIOS_IN_SQL}
  FROM commandes GROUP BY month, channel),
given_back AS (SELECT month, channel, reported(sum(minor * factor)) AS refunds_minor FROM refunded GROUP BY ALL)
SELECT month, start_of(month || '-01') AS period_start, channel, coalesce(orders, 0) AS orders,
  coalesce(cancelled_orders, 0) AS cancelled_orders, major(coalesce(revenue_minor, 0)) AS revenue,
  coalesce(revenue_minor, 0) AS revenue_minor, major(coalesce(gross_revenue_minor, 0)) AS gross_revenue,
  coalesce(gross_revenue_minor, 0) AS gross_revenue_minor, coalesce(kept_orders, 0) AS kept_orders,
  average_order_value_minor, cancellation_rate_pct, major(coalesce(refunds_minor, 0)) AS refunds,
  coalesce(refunds_minor, 0) AS refunds_minor,
  major(coalesce(revenue_minor, 0) - coalesce(refunds_minor, 0)) AS net_revenue,
  coalesce(revenue_minor, 0) - coalesce(refunds_minor, 0) AS net_revenue_minor,
  coalesce(unconverted, 0) AS unconverted
FROM sold FULL JOIN given_back USING (month, channel) ORDER BY month, channel
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a month and channel."""
    shown = (
        *columns.period("month"),
        *columns.BY_CHANNEL,
        *columns.revenue(settings.currency),
        *columns.revenue(settings.currency, "gross_revenue", "Gross revenue"),
        *columns.ratios(settings.currency),
        *columns.revenue(settings.currency, "refunds", "Refunds"),
        *columns.revenue(settings.currency, "net_revenue", "Net revenue"),
        columns.UNCONVERTED,
    )
    return Kpi(
        name="revenue_by_month_and_channel",
        title="Revenue by month and channel",
        unit=settings.currency,
        definition=(
            f"Sum of the order totals of each channel and calendar month ({settings.timezone}), without cancelled "
            "orders. The gross figures count every order. Refunds count in their own month, without those of cancelled "
            "orders, and net revenue is what is left. Orders in a currency without a rate are in no amount."
        ),
        reads=(*rollups.refunded(settings, rollups.orders(settings)), *money.rates(settings)),
        columns=shown,
        query=_query(settings),
        pipeline=(
            *mql.sums({"month": "$month", "period_start": "$period_start", "channel": "$channel"}, *SUMS),
            *mql.table(shown, "month", "channel", **mql.RATIOS),
        ),
        check=CHECK,
        french=_french(settings.timezone),
        headline=True,
        place=1,
    )


def _query(settings: OrderSettings) -> str:
    sold = rollups.sums(settings, MONTH, "channel")
    if not settings.declared:
        return QUERY.format(amounts=f"(SELECT *, 0::BIGINT AS refunds FROM ({sold}))")
    minor = money.reported(settings, "refunds_minor")
    given_back = f"SELECT {MONTH}, channel, {minor} AS refunds FROM refunds_valued GROUP BY ALL"
    refunded = money.valued(settings, "refunds") + given_back
    return QUERY.format(amounts=f"({sold}) FULL JOIN ({refunded}) USING (month, channel)")


def _french(timezone: str) -> dict[str, str]:
    return {
        "Revenue by month and channel": "Chiffre d'affaires par mois et par canal",
        "Gross revenue": "Chiffre d'affaires brut",
        "revenue_by_month_and_channel": (
            f"Somme des commandes de chaque canal et mois ({timezone}), hors commandes annulées. "
            "Les montants bruts comptent toutes les commandes. Les remboursements comptent dans leur propre mois, hors "
            "commandes annulées ; le chiffre d'affaires net en est diminué. Les commandes dans une devise sans taux ne "
            "sont dans aucun montant."
        ),
    }
