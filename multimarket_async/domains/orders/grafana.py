"""Panels of Grafana over the warehouse: the four headline KPIs."""

from multimarket_async.domains import Panel
from multimarket_async.domains.orders.settings import OrderSettings


def panels(settings: OrderSettings) -> tuple[Panel, ...]:
    """Revenue by month and channel, top products, cancellation rate, average order."""
    of_channel = "sum(revenue) FILTER (WHERE channel = '{}') AS \"{}\""
    channels = ", ".join(
        of_channel.format(canal.replace("'", "''"), canal.replace('"', '""')) for canal in settings.canals
    )
    return (
        Panel(
            f"Revenue by month and channel ({settings.currency})",
            "barchart",
            f"SELECT month, {channels} FROM kpi_revenue_by_month_and_channel GROUP BY month ORDER BY month",
        ),
        Panel("Top products (pieces)", "barchart", "SELECT product, quantity FROM kpi_top_products ORDER BY rank"),
        Panel(
            "Cancellation rate by channel",
            "barchart",
            "SELECT channel, cancellation_rate_pct FROM kpi_cancellation_rate_by_channel ORDER BY channel",
            "percent",
        ),
        Panel(
            f"Average order value by channel ({settings.currency})",
            "barchart",
            "SELECT channel, average_order_value FROM kpi_average_order_value_by_channel ORDER BY channel",
        ),
    )
