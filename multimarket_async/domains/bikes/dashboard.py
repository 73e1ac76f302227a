"""The parts of bikes in the page: sales by place, and models."""

from multimarket_async.domains import Chart, Dashboard, Tile

SOLD = ("quantity", "revenue_minor")
SALES = Dashboard(
    kpi="bike_sales_by_month",
    title="Bike sales",
    time="month",
    filters=("category", "state", "city"),
    tiles=(Tile("revenue_minor", note="in {lines} order lines"), Tile("quantity")),
    charts=(
        Chart((*SOLD, "lines"), x="month", series="category", wide=True),
        Chart((*SOLD, "lines"), x="city"),
        Chart(("quantity",), x="sex", kpi="bike_sales_by_model_and_sex", title="Bikes by sex of the buyer"),
        Chart(("bikes",), x="month", series="part", kpi="bike_outlook", band=("low", "high"), wide=True),
        Chart(
            ("shops", "bikes", "average_price"),
            x="segment",
            series="description",
            kpi="bike_segments",
            wide=True,
            drawn=False,
        ),
        Chart(("quantity",), x="shop", series="model", kpi="bike_top_model_by_shop", drawn=False),
        Chart(("quantity",), x="city", series="model", kpi="bike_top_model_by_city", drawn=False),
        Chart(("failed", "checked", "rate"), x="dimension", series="file", kpi="bike_data_quality", wide=True),
    ),
    count="quantity",
    covers=("bike_sales_by_city", "bike_sales_by_state"),
)
MODELS = Dashboard(
    kpi="bike_sales_by_year_and_model",
    title="Bike models",
    time="year",
    filters=("category", "model", "state"),
    tiles=(Tile("quantity"), Tile("revenue_minor")),
    charts=(
        Chart(SOLD, x="city", title="Chosen models over the cities"),
        Chart(SOLD, x="model", kpi="bike_top_models"),
        Chart(("quantity",), x="state", series="model", kpi="bike_top_model_by_state", drawn=False),
        Chart(SOLD, x="year", series="category", wide=True),
        Chart(("probability",), x="kind", series="shop", kpi="bike_affinity", wide=True),
    ),
    count="quantity",
    covers=("bike_sales_by_model_and_city", "bike_sales_by_year"),
)
DASHBOARDS = (SALES, MODELS)
FRENCH = {
    "Bike sales": "Ventes de vélos", "Bike models": "Modèles de vélos", "in {lines} order lines": "en {lines} lignes",
    "Bikes by sex of the buyer": "Vélos par sexe de l'acheteur",
    "Chosen models over the cities": "Les modèles choisis par ville",
}  # fmt: skip
