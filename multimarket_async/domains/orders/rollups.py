"""The facts of orders, and the rollups by month, day and channel that more than one KPI reads."""

from multimarket_async.domains import Facts, Rollup, Value
from multimarket_async.domains.orders import money, names
from multimarket_async.domains.orders.channels import CONTRACT
from multimarket_async.domains.orders.formats.declared import Format, declared
from multimarket_async.domains.orders.money import MONEY, text
from multimarket_async.domains.orders.settings import OrderSettings

COLLECTION = "commandes"
DAY = "strftime(local, '%Y-%m-%d') AS day"
# Rows of few sums, of which MongoDB makes the headline KPIs: by month and channel, or by channel.
SUMS = """
SELECT {keys}, sum(orders)::BIGINT AS orders, sum(cancelled_orders)::BIGINT AS cancelled_orders,
  {valued_orders}::BIGINT AS valued_orders, {kept_orders}::BIGINT AS kept_orders,
  {revenue} AS revenue_minor, {gross} AS gross_revenue_minor
FROM orders_valued GROUP BY ALL
"""
# Lists of exported orders; where no channel has such orders, they take no time to read.
EXPORTED = {
    "measures_micro": Value("mesures_micro", "BIGINT[]", nullable=True),
    "refunded_at": Value("remboursements.date_remboursement", "VARCHAR[]", nullable=True),
    "refunded_products": Value("remboursements.nom", "VARCHAR[]", nullable=True),
    "refunded_quantities": Value("remboursements.quantite", "BIGINT[]", nullable=True),
    "refunds_minor": Value("remboursements.montant_centimes", "BIGINT[]", nullable=True),
    "line_ids": Value("produits.ligne_id", "VARCHAR[]", nullable=True),
    "refunded_lines": Value("remboursements.ligne_id", "VARCHAR[]", nullable=True),
    "number": Value("order_id", "VARCHAR", nullable=True),
    "credited": Value("avoir_de", "VARCHAR", nullable=True),
}
# Of all products: those sold, where nothing can be refunded.
SOLD = """{valued},
shown AS (SELECT form, {first} AS product FROM products GROUP BY form)
SELECT {sold}shown.product, sum(quantity)::BIGINT AS quantity, sum(gross_quantity)::BIGINT AS gross_quantity,
  {revenue} AS revenue_minor, sum(quantity)::BIGINT AS net_quantity, {revenue} AS net_revenue_minor,
  0::DECIMAL(7, 6) AS measured_quantity
FROM products_valued JOIN shown USING (form) WHERE {which} GROUP BY ALL
"""
# Of all products: those sold, and those refunded, in any order of the two.
NET = """{valued},
named AS (SELECT form, product, first_at FROM products UNION ALL SELECT form, product, first_at FROM refunds),
shown AS (SELECT form, {first} AS product FROM named WHERE product IS NOT NULL GROUP BY form),
sold AS (
  SELECT {sold}form, sum(quantity)::BIGINT AS quantity, sum(gross_quantity)::BIGINT AS gross_quantity,
    {revenue} AS revenue_minor, sum(micro) * 0.000001::DECIMAL(7, 6) AS measured_quantity
  FROM products_valued WHERE {which} GROUP BY ALL),
returned AS (
  SELECT {returned}form, sum(quantity)::BIGINT AS returned_quantity, {refunds} AS returned_minor
  FROM refunds_valued WHERE product IS NOT NULL AND {which_back} GROUP BY ALL)
SELECT {period}product, coalesce(quantity, 0) AS quantity, coalesce(gross_quantity, 0) AS gross_quantity,
  coalesce(revenue_minor, 0) AS revenue_minor, coalesce(quantity, 0) - coalesce(returned_quantity, 0) AS net_quantity,
  coalesce(revenue_minor, 0) - coalesce(returned_minor, 0) AS net_revenue_minor,
  coalesce(measured_quantity, 0) AS measured_quantity
FROM sold FULL JOIN returned USING ({by}) JOIN shown USING (form)
"""


def facts(settings: OrderSettings) -> Facts:
    """An order, or a credit note; its period is the calendar month in the business time zone.

    Amounts are in minor units of its own currency. Orders of the contract have no `decimales`: theirs are hundredths of
    the reporting currency, and their fields that bear names of exported orders mean nothing.
    rate_day: the day of the exchange rate, "" for the reporting currency. order_key: of a credit note, the key of the
    order that it is of, if it says so.
    """
    cancelled = ", ".join(text(status) for status in settings.cancelled_statuses)
    fields = {
        "channel": Value("canal", "VARCHAR"),
        "ordered_at": Value("date_commande", "TIMESTAMP"),
        "status": Value("statut_commande", "VARCHAR"),
        "customer": Value("client_id", "VARCHAR", nullable=True),
        "city": Value("livraison.ville", "VARCHAR", nullable=True),
        "minor": Value("montant_centimes", "BIGINT"),
        "products": Value("produits.nom", "VARCHAR[]"),
        "quantities": Value("produits.quantite", "BIGINT[]"),
        "lines_minor": Value("lignes_centimes", "BIGINT[]"),
        "own_decimals": Value("decimales", "BIGINT", nullable=True),
        "own_currency": Value("devise", "VARCHAR", nullable=True),
        "is_credit": Value("avoir", "BOOLEAN", nullable=True),
        **(EXPORTED if settings.declared else {}),
    }
    reporting = text(settings.currency)
    lacking = {} if settings.declared else {name: f"NULL::{value.type}" for name, value in EXPORTED.items()}
    columns = {
        **lacking,
        "order_key": "CASE WHEN credited IS NOT NULL THEN left(_id, len(_id) - len(number)) || credited END",
        "cancelled": f"status IN ({cancelled})" if cancelled else "false",
        "credit": "own_decimals IS NOT NULL AND coalesce(is_credit, false)",
        "decimals": "coalesce(own_decimals, 2)",
        "currency": f"CASE WHEN own_decimals IS NULL THEN {reporting} ELSE coalesce(own_currency, {reporting}) END",
        "rate_day": f"CASE WHEN currency = {reporting} THEN '' ELSE strftime(local, '%Y-%m-%d') END",
    }
    return Facts("facts", COLLECTION, fields, columns, event="ordered_at", period="strftime(local, '%Y-%m')")


def orders(settings: OrderSettings) -> Rollup:
    """Orders and revenue by day, channel and currency."""
    query = f"""
SELECT period, {DAY}, channel, {MONEY}, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, coalesce(sum(minor) FILTER (NOT cancelled), 0) AS revenue_minor,
  sum(minor) AS gross_revenue_minor
FROM facts WHERE NOT credit GROUP BY ALL
"""
    return Rollup("orders", facts(settings), query)


def products(settings: OrderSettings) -> Rollup:
    """Pieces and revenue by day, product and currency, those of cancelled orders beside; and when it was first sold."""
    query = f"""
SELECT period, day, product, {names.form("product")} AS form, {MONEY},
  coalesce(sum(quantity) FILTER (NOT cancelled), 0) AS quantity, sum(quantity) AS gross_quantity,
  coalesce(sum(minor) FILTER (NOT cancelled), 0) AS revenue_minor,
  coalesce(sum(micro) FILTER (NOT cancelled), 0) AS micro, min(ordered_at) AS first_at
FROM (SELECT period, {DAY}, cancelled, {MONEY}, ordered_at, unnest(products) AS product,
    unnest(quantities) AS quantity, unnest(lines_minor) AS minor, unnest(measures_micro) AS micro FROM facts)
GROUP BY ALL
"""
    return Rollup("products", facts(settings), query)


def refunds(settings: OrderSettings) -> Rollup:
    """Refunds by their own day, by channel, product, currency, and order of a credit note; none of cancelled orders."""
    query = f"""
SELECT period, strftime(happened + shift, '%Y-%m-%d') AS day, channel, product,
  {names.form("product")} AS form, order_key, CASE WHEN product IS NULL THEN line_id END AS line_id, currency, decimals,
  CASE WHEN rate_day = '' THEN '' ELSE strftime(happened + shift, '%Y-%m-%d') END AS rate_day,
  sum(quantity) AS quantity, sum(minor) AS refunds_minor, min(ordered_at) AS first_at
FROM (SELECT period, channel, order_key, {MONEY}, ordered_at, unnest(refunded_at)::TIMESTAMP AS happened,
    unnest(refunded_products) AS product, unnest(refunded_lines) AS line_id,
    unnest(refunded_quantities) AS quantity, unnest(refunds_minor) AS minor
  FROM facts WHERE own_decimals IS NOT NULL AND NOT cancelled) ASOF JOIN zone ON happened >= utc_from
GROUP BY ALL
"""
    return Rollup(money.GIVEN_BACK, facts(settings), query)


def cancelled(settings: OrderSettings) -> Rollup:
    """The keys of cancelled orders of declared formats: no credit note of theirs counts, as they were never revenue."""
    query = "SELECT period, _id AS order_key FROM facts WHERE cancelled AND NOT credit AND own_decimals IS NOT NULL"
    return Rollup(money.CANCELLED, facts(settings), query)


def ordered_lines(settings: OrderSettings) -> Rollup:
    """The products of orders by their lines, where a format has credit notes that name these by number alone."""
    needed = any(_names_lines(declared(channel.format)) for channel in settings.channels if channel.format != CONTRACT)
    query = f"""
SELECT period, order_key, line_id, min(product) AS product, {names.form("min(product)")} AS form
FROM (SELECT period, _id AS order_key, unnest(line_ids) AS line_id, unnest(products) AS product FROM facts
  WHERE {str(needed).lower()} AND own_decimals IS NOT NULL AND NOT credit AND len(line_ids) = len(products))
GROUP BY period, order_key, line_id
"""
    return Rollup(money.LINES, facts(settings), query)


def _names_lines(form: Format) -> bool:
    refunded = form.refunds and form.refunds.lines
    return bool(form.order.avoir and refunded and refunded.ligne_id and not refunded.nom)


def refunded(settings: OrderSettings, *sold: Rollup) -> tuple[Rollup, ...]:
    """Sales, and `refunds`, where there can be any: orders of the contract have none."""
    returned = (refunds, cancelled, ordered_lines)
    return (*sold, *(rollup(settings) for rollup in returned)) if settings.declared else sold


def hours(settings: OrderSettings) -> Rollup:
    """Orders and revenue by hour, channel and currency; an hour that clocks repeat is two, which differ in `shift`."""
    query = f"""
SELECT period, date_trunc('hour', local) AS wall, local - ordered_at AS shift, channel, {MONEY}, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, coalesce(sum(minor) FILTER (NOT cancelled), 0) AS revenue_minor
FROM facts WHERE NOT credit GROUP BY ALL
"""
    return Rollup("hours", facts(settings), query)


def cities(settings: OrderSettings) -> Rollup:
    """Orders and revenue by day and city of delivery, without cancelled orders."""
    return kept(settings, "cities", DAY, "city", where="city IS NOT NULL")


def kept(settings: OrderSettings, name: str, *keys: str, where: str = "true") -> Rollup:
    """Orders and revenue by these keys, expressions `... AS name`, without cancelled orders."""
    query = f"""
SELECT period, {", ".join(keys)}, {MONEY}, count(*) AS orders, sum(minor) AS revenue_minor, min(ordered_at) AS first_at
FROM facts WHERE NOT cancelled AND NOT credit AND {where} GROUP BY ALL
"""
    return Rollup(name, facts(settings), query)


def sums(settings: OrderSettings, *keys: str) -> str:
    """A query for orders and amounts by these keys, expressions `... AS name`."""
    return money.valued(settings, "orders") + SUMS.format(
        keys=", ".join(keys),
        valued_orders=money.counted("orders"),
        kept_orders=money.counted("orders - cancelled_orders"),
        revenue=money.reported(settings, "revenue_minor"),
        gross=money.reported(settings, "gross_revenue_minor"),
    )


def net_products(settings: OrderSettings, period: str = "", which: str = "true") -> str:
    """A query for products, maybe by `month` or `day`: what was sold, and what is left of it behind refunds.

    which: a condition for the `month` of both.
    """
    named = f"{period}, " if period else ""
    sold, returned = ("period AS month, ", "left(day, 7) AS month, ") if period == "month" else (named, named)
    read = ("products", "refunds") if settings.declared else ("products",)
    return (NET if settings.declared else SOLD).format(
        which=which.format(month="period"),
        which_back=which.format(month="left(day, 7)"),
        valued=money.valued(settings, *read),
        by=f"{named}form",
        sold=sold,
        returned=returned,
        period=named,
        first=names.first_seen("product"),
        revenue=money.reported(settings, "revenue_minor"),
        refunds=money.reported(settings, "refunds_minor"),
    )
