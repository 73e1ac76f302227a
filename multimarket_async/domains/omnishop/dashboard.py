"""The parts of omnishop in the page: sales and stores, and what the models say."""

from multimarket_async.domains import Chart, Dashboard, Tile

SALES = Dashboard(
    kpi="omni_sales",
    title="OmniShop",
    time="day",
    filters=("channel", "category"),
    tiles=(Tile("revenue_minor", note="in {lines} lines"), Tile("quantity"), Tile("refunded_minor")),
    charts=(
        Chart(("revenue_minor", "quantity"), x="day", series="channel", wide=True),
        Chart(("revenue_minor", "quantity"), x="category"),
        Chart(("conversion", "sessions"), x="day", kpi="omni_visits"),
        Chart(("visitors", "wait_s", "conversion"), x="day", series="store", kpi="omni_stores"),
        Chart(("empty_share", "sold"), x="day", series="place", kpi="omni_stock_levels"),
        Chart(("mean_stars", "reviews", "bad"), x="category", kpi="omni_reviews"),
        Chart(("expected",), x="day", series="category", kpi="demand_by_day", wide=True),
        Chart(("extra_revenue_minor", "cost_minor"), x="campaign", kpi="campaign_effects", wide=True),
        Chart(("clients", "value_minor"), x="action", kpi="churn_by_action"),
        Chart(("clients",), x="product", kpi="recommended_products", title="Products by clients to recommend them to"),
        Chart(("gain", "baseline"), x="metric", kpi="model_grades", title="Gain of the models", wide=True),
    ),
    count="quantity",
)
DASHBOARDS = (SALES,)
FRENCH = {
    "OmniShop": "OmniShop", "in {lines} lines": "en {lines} lignes",
    "Products by clients to recommend them to": "Produits par clients à qui les recommander",
    "Gain of the models": "Gain des modèles",
}  # fmt: skip
