"""Months, quarters and years of stores, and of all stores together, of the store days."""

from dataclasses import dataclass

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.retail import columns
from multimarket_async.domains.retail.days import LAST, change, days, figures, units
from multimarket_async.domains.retail.facts import READ
from multimarket_async.domains.retail.records import ALL_STORES
from multimarket_async.domains.retail.settings import RetailSettings

COMPARED = {
    "visitors": ("visitors", "Visitors"), "transactions": ("tickets", "Sales"), "quantity": ("quantity", "Quantity"),
    "revenue": ("revenue", "Revenue"), "margin": ("margin", "Margin"),
}  # fmt: skip
SUMS = "visitors", "tickets", "quantity", "revenue", "cost", "margin", "imputed", "silent", "costless"


@dataclass(frozen=True, slots=True)
class Period:
    """A kind of period: its text from a date, and a number that the next one has one more of.

    check_name, check_before: for the SQL check, its text and that of the one before, by other means.
    """

    plural: str
    title: str
    french: str
    name: str
    number: str
    check_name: str
    check_before: str


MONTH = Period(
    "months", "Month", "Mois", "date[:7]", "date[:4]::INT * 12 + date[6:7]::INT",
    "strftime(date::DATE, '%Y-%m')", "strftime(any_value(date::DATE) - to_months(1), '%Y-%m')",
)  # fmt: skip
QUARTER = Period(
    "quarters", "Quarter", "Trimestre", "date[:4] || '-Q' || ((date[6:7]::INT + 2) // 3)",
    "date[:4]::INT * 4 + (date[6:7]::INT + 2) // 3", "year(date::DATE) || '-Q' || quarter(date::DATE)",
    "year(any_value(date::DATE) - to_months(3)) || '-Q' || quarter(any_value(date::DATE) - to_months(3))",
)  # fmt: skip
YEAR = Period(
    "years", "Year", "Année", "date[:4]", "date[:4]::INT",
    "year(date::DATE)::VARCHAR", "(year(any_value(date::DATE)) - 1)::VARCHAR",
)  # fmt: skip


def kpi(period: Period, settings: RetailSettings, place: int) -> Kpi:
    """One row a period and store, and one a period for all stores."""
    name, currency = f"store_{period.plural}", settings.currency
    return Kpi(
        name=name,
        title=f"Store {period.plural}",
        unit=currency,
        definition=_definition(period, settings),
        reads=READ,
        columns=(
            Column("period", "string", period.title, role="time"),
            *columns.STORE,
            *columns.sums(currency),
            *columns.rates(currency),
            *(
                Column(f"{measure}_mom_percent", "percent", f"{title}, change", "%", nullable=True)
                for measure, (_, title) in COMPARED.items()
            ),
            *columns.FAULTS,
            *columns.exact(currency),
        ),
        query=_query(period, settings),
        check=_check(period, settings),
        french={
            f"Store {period.plural}": f"{period.french}{'' if period is MONTH else 's'} de magasin",
            period.title: period.french,
            **{f"{title}, change": f"{columns.FRENCH[title]}, évolution" for _, title in COMPARED.values()},
            name: _french_definition(period, settings),
        },
        headline=period is MONTH,
        key=("period", "store_id"),
        place=place,
    )


def _query(period: Period, settings: RetailSettings) -> str:
    added = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
    changes = ", ".join(
        f"{change(f'now.{of}', f'before.{of}')} AS {name}_mom_percent" for name, (of, _) in COMPARED.items()
    )
    return f"""{days(settings)}, single AS (
  SELECT {period.name} AS period, {period.number} AS number, store, store_name, {added} FROM days GROUP BY ALL),
parts AS (
  FROM single UNION ALL
  SELECT period, number, '{ALL_STORES}' AS store, '{ALL_STORES}' AS store_name, {added} FROM single GROUP BY ALL),
compared AS (
  SELECT now.*, {changes}
  FROM parts now LEFT JOIN parts before ON before.store = now.store AND before.number = now.number - 1)
SELECT period, store AS store_id, store_name, {figures(settings.exponent)}, COLUMNS('.*_mom_percent'), {LAST}
FROM compared ORDER BY period, store_id
"""


def _check(period: Period, settings: RetailSettings) -> str:
    """The same rows, of the received files."""
    exponent, scale = settings.exponent, 10**settings.exponent
    added = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS if name != "margin")
    changes = ", ".join(
        f"half(100 * (now.{of} - before.{of}), before.{of}) AS {name}_mom_percent" for name, (of, _) in COMPARED.items()
    )
    return f"""
WITH stores AS (
  FROM store_day UNION ALL SELECT * REPLACE ('{ALL_STORES}' AS store, '{ALL_STORES}' AS store_name) FROM store_day),
summed AS (
  SELECT {period.check_name} AS period, {period.check_before} AS last_one, store, store_name, {added},
    sum(revenue - cost)::BIGINT AS margin
  FROM stores GROUP BY period, store, store_name)
SELECT now.period, now.store AS store_id, now.store_name, now.visitors AS total_visitors,
  now.tickets AS total_transactions, now.quantity AS total_quantity,
  {units("now.revenue", exponent)} AS total_revenue, {units("now.cost", exponent)} AS total_cost,
  {units("now.margin", exponent)} AS total_margin, half(100 * now.tickets, now.visitors) AS conversion_rate,
  half(now.revenue, {scale} * now.tickets) AS avg_transaction_value,
  half(now.revenue, {scale} * now.visitors) AS revenue_per_visitor,
  half(now.margin, {scale} * now.visitors) AS margin_per_visitor, {changes}, now.imputed AS imputed_hours,
  now.silent AS hours_without_sales, now.costless AS lines_without_cost, now.revenue AS total_revenue_minor,
  now.cost AS total_cost_minor, now.margin AS total_margin_minor
FROM summed now LEFT JOIN summed before ON before.store = now.store AND before.period = now.last_one
ORDER BY now.period, store_id
"""


def _definition(period: Period, settings: RetailSettings) -> str:
    return (
        f"Sums of the store days of each {period.title.lower()} ({settings.timezone}) and store, and of all stores "
        f"together, as {ALL_STORES}. Every rate is the ratio of the sums. The change is against the "
        f"{period.title.lower()} before, in percent; empty where that had nothing."
    )


def _french_definition(period: Period, settings: RetailSettings) -> str:
    return (
        f"Sommes des jours de magasin par {period.french.lower()} ({settings.timezone}) et par magasin, et de tous les "
        f"magasins ensemble, sous {ALL_STORES}. Chaque taux est le rapport des sommes. L'évolution est en pour cent, "
        "par rapport à la période précédente ; vide si celle-ci n'avait rien."
    )
