"""The part of orders in the page."""

from dataclasses import replace

from multimarket_async.domains import Chart, Dashboard, Finer, Tile
from multimarket_async.domains.orders.columns import HOURLY_MONTHS, MONTHS
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
        Chart(
            ("quantity", "revenue_minor"),
            x="product",
            kpi="top_products",
            by_day=Finer(("products_by_day", "products_by_earlier_day"), MONTHS),
        ),
        Chart(
            ("revenue_minor", "orders"),
            x="city",
            kpi="revenue_by_city",
            by_day=Finer(("cities_by_day", "cities_by_earlier_day"), MONTHS),
        ),
        Chart((*SUMS, *RATIOS), x="channel", title="Channels compared", drawn=False, wide=True),
    ),
    finer="orders_by_day_and_channel",
    earlier="orders_by_earlier_day",
    hourly=Finer(("orders_by_hour_and_channel", "orders_by_earlier_hour"), HOURLY_MONTHS),
    count="orders",
    covers=("cancellation_rate_by_channel", "average_order_value_by_channel"),
)
BY_CURRENCY, BY_NET_QUANTITY = "amounts_by_currency", "top_products_by_net_quantity"
OF_DECLARED = (BY_CURRENCY, BY_NET_QUANTITY)


def dashboard(settings: OrderSettings) -> Dashboard:
    """The part of orders; with net figures and amounts of each currency, where there may be refunds and several."""
    if not settings.declared:
        return DASHBOARD
    [products] = [chart for chart in DASHBOARD.charts if chart.x == "product"]
    net = replace(products, columns=("net_quantity", "net_revenue_minor", "quantity"), kpi=BY_NET_QUANTITY)
    chart = Chart(("orders", "unconverted", "revenue_minor"), x="currency", kpi=BY_CURRENCY, drawn=False)
    return replace(DASHBOARD, charts=(*DASHBOARD.charts, net, chart))


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
