"""The part of retail in the page: six tiles and five charts of the stores and the period that are chosen."""

from multimarket_async.domains import Chart, Dashboard, Tile

AMOUNTS = ("total_revenue_minor", "total_margin_minor", "total_cost_minor")
DASHBOARD = Dashboard(
    kpi="store_months",
    title="Retail",
    time="period",
    filters=("store_name",),
    finer="store_days",
    tiles=(
        Tile("total_visitors", note="{imputed_hours} hours imputed"),
        Tile("total_transactions"),
        Tile("total_revenue_minor"),
        Tile("total_margin_minor", note="{lines_without_cost} lines without a cost"),
        Tile("conversion_rate", note="{total_transactions} of {total_visitors} visitors"),
        Tile("avg_transaction_value"),
    ),
    charts=(
        Chart(("total_transactions",), x="period", title="Sales over time", wide=True),
        Chart(("total_visitors",), x="period", title="Visitors over time"),
        Chart(("total_quantity",), x="period", title="Quantities sold"),
        Chart(AMOUNTS, x="period", title="Revenue, margin and cost", together=True, wide=True),
        Chart(("conversion_rate", "avg_transaction_value"), x="period", title="Efficiency of sales", together=True),
    ),
    covers=("store_quarters", "store_years"),
)
FRENCH = {
    "Sales over time": "Ventes au fil du temps",
    "Visitors over time": "Visiteurs au fil du temps",
    "Quantities sold": "Quantités vendues",
    "Revenue, margin and cost": "Chiffre d'affaires, marge et coût",
    "Efficiency of sales": "Efficacité des ventes",
    "{imputed_hours} hours imputed": "{imputed_hours} heures estimées",
    "{lines_without_cost} lines without a cost": "{lines_without_cost} lignes sans coût",
    "{total_transactions} of {total_visitors} visitors": "{total_transactions} ventes pour {total_visitors} visiteurs",
}
