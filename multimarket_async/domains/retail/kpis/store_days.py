"""Store days."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.retail import columns
from multimarket_async.domains.retail.days import LAST, change, days, figures, units
from multimarket_async.domains.retail.facts import READ
from multimarket_async.domains.retail.settings import RetailSettings

# Of a basket with so many more digits: sums of integers do not depend on their order.
PRECISION = 10**8
WEEKDAYS = {
    "Monday": "lundi", "Tuesday": "mardi", "Wednesday": "mercredi", "Thursday": "jeudi", "Friday": "vendredi",
    "Saturday": "samedi", "Sunday": "dimanche",
}  # fmt: skip
AVERAGES = {"visitors": "visitors", "sales": "tickets", "revenue": "revenue"}
VARIATIONS = {
    "visitors": "visitors", "transactions": "tickets", "revenue": "revenue", "avg_transaction_value": "basket",
}  # fmt: skip
TITLES = {"visitors": "visitors", "transactions": "sales", "revenue": "revenue", "avg_transaction_value": "basket"}


def _mean(name: str, exponent: int) -> str:
    """Over the same weekday of this and the three weeks before, rounded half-up to 2 decimals."""
    scale = 10**exponent if name == "revenue" else 1
    return f"amount(half_up(100 * sum({name}) OVER four, {scale} * count({name}) OVER four))"


def query(settings: RetailSettings) -> str:
    """The rows."""
    exponent = settings.exponent
    averages = ", ".join(f"{_mean(of, exponent)} AS avg_{name}_last_4_weeks" for name, of in AVERAGES.items())
    variations = ", ".join(
        f"{change(f'count({of}) OVER four * {of}', f'sum({of}) OVER four')} AS {name}_variation_vs_avg_4w_percent"
        for name, of in VARIATIONS.items()
    )
    return f"""{days(settings)}, most AS (
  SELECT period AS date, store, max(quantity) AS quantity FROM sold GROUP BY ALL),
named AS (SELECT product, arg_max(name, since) AS name FROM products GROUP BY product),
best AS (
  SELECT m.date, m.store, min(coalesce(n.name, s.product)) AS best_seller
  FROM most m JOIN sold s ON s.period = m.date AND s.store = m.store AND s.quantity = m.quantity
    LEFT JOIN named n USING (product)
  GROUP BY m.date, m.store),
valued AS (
  SELECT *, date::DATE AS day, CASE WHEN tickets > 0 THEN revenue::HUGEINT * {PRECISION} // tickets END AS basket
  FROM days LEFT JOIN best USING (date, store))
SELECT date, store AS store_id, store_name, {figures(exponent)}, best_seller AS best_selling_product,
  peak_visitors AS peak_hour_visitors, peak_tickets AS peak_hour_sales, isodow(day) AS day_of_week,
  {averages}, {variations}, {LAST}
FROM valued
WINDOW four AS (PARTITION BY store, isodow(day) ORDER BY day RANGE BETWEEN INTERVAL 21 DAYS PRECEDING AND CURRENT ROW)
ORDER BY date, store_id
"""


def check(settings: RetailSettings) -> str:
    """The same rows, of the received files: the days of four weeks are joined by their dates."""
    exponent = settings.exponent
    scale = 10**exponent
    averages = ", ".join(
        f"half(sum(w.{of}), count(w.{of}){f' * {scale}' if of == 'revenue' else ''}) AS avg_{name}_last_4_weeks"
        for name, of in AVERAGES.items()
    )
    variations = ", ".join(
        f"half(100 * (count(w.{of}) * any_value(d.{of}) - sum(w.{of})), sum(w.{of}))"
        f" AS {name}_variation_vs_avg_4w_percent"
        for name, of in VARIATIONS.items()
    )
    return f"""
WITH baskets AS (
  SELECT *, CASE WHEN tickets > 0 THEN revenue::HUGEINT * {PRECISION} // tickets END AS basket FROM store_day),
weeks AS (
  SELECT d.date, d.store, {averages}, {variations}
  FROM baskets d JOIN baskets w ON w.store = d.store AND d.date::DATE - w.date::DATE IN (0, 7, 14, 21)
  GROUP BY d.date, d.store)
SELECT date, store AS store_id, store_name, visitors AS total_visitors, tickets AS total_transactions,
  quantity AS total_quantity, {units("revenue", exponent)} AS total_revenue, {units("cost", exponent)} AS total_cost,
  {units("revenue - cost", exponent)} AS total_margin, half(100 * tickets, visitors) AS conversion_rate,
  half(revenue, {scale} * tickets) AS avg_transaction_value, half(revenue, {scale} * visitors) AS revenue_per_visitor,
  half(revenue - cost, {scale} * visitors) AS margin_per_visitor, best_seller AS best_selling_product,
  peak_visitors AS peak_hour_visitors, peak_tickets AS peak_hour_sales,
  list_position(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'], strftime(date::DATE, '%a')) AS day_of_week,
  weeks.* EXCLUDE (date, store), imputed AS imputed_hours, silent AS hours_without_sales,
  costless AS lines_without_cost,
  revenue AS total_revenue_minor, cost AS total_cost_minor, revenue - cost AS total_margin_minor
FROM baskets JOIN weeks USING (date, store) ORDER BY date, store_id
"""


def kpi(settings: RetailSettings) -> Kpi:
    """One row a date and store."""
    return Kpi(
        name="store_days",
        title="Store days",
        unit="store days",
        definition=_definition(settings),
        reads=READ,
        columns=(
            Column("date", "string", "Day", role="time"),
            *columns.STORE,
            *columns.sums(settings.currency),
            *columns.rates(settings.currency),
            Column("best_selling_product", "string", "Best selling product", nullable=True, role="other"),
            Column("peak_hour_visitors", "integer", "Hour of most visitors", nullable=True, role="other"),
            Column("peak_hour_sales", "integer", "Hour of most sales", nullable=True, role="other"),
            Column("day_of_week", "integer", "Weekday", role="other", labels=tuple(enumerate(WEEKDAYS, start=1))),
            *_weeks(settings.currency),
            *columns.FAULTS,
            *columns.exact(settings.currency),
        ),
        query=query(settings),
        check=check(settings),
        french=_french(settings),
        key=("date", "store_id"),
        place=1,
    )


def _weeks(currency: str) -> tuple[Column, ...]:
    averages = (
        Column(f"avg_{name}_last_4_weeks", "double", f"Average {name}, 4 weeks", currency if name == "revenue" else "")
        for name in AVERAGES
    )
    variations = (
        Column(
            f"{name}_variation_vs_avg_4w_percent", "percent", f"Change of {TITLES[name]}, 4 weeks", "%", nullable=True
        )
        for name in VARIATIONS
    )
    return (*averages, *variations)


def _definition(settings: RetailSettings) -> str:
    return (
        f"A row a date ({settings.timezone}) and store. Visitors above {settings.most_visitors_per_hour} in an"
        " hour, or missing, are imputed: its sales times the visitors per sale of the store's good hours. "
        "Sales are the tickets that the store counted. Cost is quantity times the cost of the price list in "
        "force on that day (of the first one before); a product that no list has adds no cost, and is "
        "counted. Rates over nothing are empty. Averages are over the same weekday of this and the three "
        "weeks before, as many as there are."
    )


def _french(settings: RetailSettings) -> dict[str, str]:
    return {
        "Store days": "Jours de magasin",
        "Day": "Jour",
        "Best selling product": "Produit le plus vendu",
        "Hour of most visitors": "Heure de pointe des visiteurs",
        "Hour of most sales": "Heure de pointe des ventes",
        "Weekday": "Jour de la semaine",
        **WEEKDAYS,
        "Average visitors, 4 weeks": "Visiteurs, moyenne sur 4 semaines",
        "Average sales, 4 weeks": "Ventes, moyenne sur 4 semaines",
        "Average revenue, 4 weeks": "Chiffre d'affaires, moyenne sur 4 semaines",
        "Change of visitors, 4 weeks": "Variation des visiteurs, 4 semaines",
        "Change of sales, 4 weeks": "Variation des ventes, 4 semaines",
        "Change of revenue, 4 weeks": "Variation du chiffre d'affaires, 4 semaines",
        "Change of basket, 4 weeks": "Variation du panier moyen, 4 semaines",
        "store_days": (
            f"Une ligne par date ({settings.timezone}) et par magasin. Les visiteurs d'une heure, absents ou "
            f"supérieurs à {settings.most_visitors_per_hour}, sont estimés : ses ventes multipliées par les "
            "visiteurs par vente des bonnes heures du magasin. Les ventes sont les tickets comptés par le "
            "magasin. Le coût est la quantité multipliée par le coût de la liste de prix en vigueur ce jour-là "
            "(la première pour les jours d'avant) ; un produit absent des listes n'ajoute pas de coût et est "
            "compté. Un taux sur rien est vide. Les moyennes portent sur le même jour de cette semaine et des "
            "trois précédentes, autant qu'il y en a."
        ),
    }
