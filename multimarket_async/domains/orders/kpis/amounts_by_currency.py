"""Amounts in their own currency."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

QUERY = """
SELECT currency, sum(orders)::BIGINT AS orders, sum(orders) FILTER (factor IS NULL) AS without_rate,
  coalesce(without_rate, 0)::BIGINT AS unconverted,
  sum(revenue_minor::HUGEINT * (10 ** (4 - decimals))::HUGEINT) * 0.0001::DECIMAL(5, 4) AS amount,
  {minor} AS revenue_minor
FROM orders_valued GROUP BY currency
"""
CHECK = """
SELECT currency, count(*) AS orders, count(*) FILTER (factor IS NULL) AS unconverted,
  sum(revenue_minor::HUGEINT * (10 ** (4 - decimals))::HUGEINT) * 0.0001::DECIMAL(5, 4) AS amount,
  major(reported(sum(revenue_minor * factor))) AS revenue, reported(sum(revenue_minor * factor)) AS revenue_minor
FROM commandes GROUP BY currency ORDER BY currency
"""
FRENCH = {
    "Amounts by currency": "Montants par devise",
    "Currency": "Devise",
    "Amount in this currency": "Montant dans cette devise",
    "amounts_by_currency": (
        "Commandes et leurs montants, hors commandes annulées, dans leur propre devise et dans celle des autres "
        "tableaux ; les commandes sans taux de change n'y sont dans aucun montant."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a currency."""
    shown = (
        Column("currency", "string", "Currency"),
        columns.ALL_ORDERS,
        columns.UNCONVERTED,
        Column("amount", "double", "Amount in this currency"),
        *columns.revenue(settings.currency),
    )
    query = money.valued(settings, "orders") + QUERY.format(minor=money.reported(settings, "revenue_minor"))
    revenue = money.major(settings, "revenue_minor")
    return Kpi(
        name="amounts_by_currency",
        title="Amounts by currency",
        unit=settings.currency,
        definition=(
            "Orders and their amounts, without cancelled orders, in their own currency and in that of the other tables;"
            " orders without an exchange rate are in no amount there."
        ),
        reads=(rollups.orders(settings), *money.rates(settings)),
        columns=shown,
        query=f"SELECT currency, orders, unconverted, amount, {revenue} AS revenue, revenue_minor FROM ({query})"
        " ORDER BY currency",
        check=CHECK,
        french=FRENCH,
        place=12,
    )
