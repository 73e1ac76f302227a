"""The part of orders in the page."""

from dataclasses import replace

from multimarket_async.domains import Chart, Dashboard, Tile
from multimarket_async.domains.orders.settings import OrderSettings

SUMS = ("orders", "cancelled_orders", "revenue_minor")
RATIOS = ("cancellation_rate_pct", "average_order_value_minor")
DASHBOARD = Dashboard(
    kpi="revenue_by_month_and_channel",
    title="Orders",
    time="month",
    filters=("channel",),
    tiles=(
        Tile("revenue_minor", note="without cancelled orders"),
        Tile("orders", title="Orders", note="{cancelled_orders} of them cancelled"),
        Tile("average_order_value_minor", note="without cancelled orders"),
        Tile("cancellation_rate_pct", note="{cancelled_orders} of {orders} orders"),
    ),
    charts=(
        Chart(("revenue_minor", "orders", "cancelled_orders"), x="month", series="channel", wide=True),
        Chart(("quantity", "revenue_minor"), x="product", kpi="top_products", by_period="products_by_month"),
        Chart(("revenue_minor", "orders"), x="city", kpi="revenue_by_city"),
        Chart((*SUMS, *RATIOS), x="channel", title="Channels compared", drawn=False, wide=True),
    ),
    finer="orders_by_day_and_channel",
    earlier="orders_by_earlier_day",
    count="orders",
    covers=("cancellation_rate_by_channel", "average_order_value_by_channel"),
)
BY_CURRENCY = "amounts_by_currency"


def dashboard(settings: OrderSettings) -> Dashboard:
    """The part of orders; with amounts of each currency, where orders may be in several."""
    if not settings.declared:
        return DASHBOARD
    chart = Chart(("orders", "unconverted", "revenue_minor"), x="currency", kpi=BY_CURRENCY, drawn=False)
    return replace(DASHBOARD, charts=(*DASHBOARD.charts, chart))


FRENCH = {
    "Orders": "Commandes",
    "unknown_channel": "canal inconnu",
    "unknown_status": "statut inconnu",
    "unknown_currency": "devise inconnue",
    "delivery_missing": "livraison manquante",
    "delivery_not_allowed": "livraison interdite",
    "Channels compared": "Comparaison des canaux",
    "without cancelled orders": "hors commandes annulées",
    "{cancelled_orders} of them cancelled": "dont {cancelled_orders} annulées",
    "{cancelled_orders} of {orders} orders": "{cancelled_orders} commandes sur {orders}",
}
