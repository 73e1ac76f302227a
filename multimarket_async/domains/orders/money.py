"""Amounts of several currencies in the reporting one, in SQL: sums of each currency and day times the rate of that day.

A rate holds from its date until the next one. Amounts are exact until the last step, which rounds once, half-up.
"""

from multimarket_async.domains import Facts, Value
from multimarket_async.domains.orders.currencies import exponent
from multimarket_async.domains.orders.settings import OrderSettings

RATES = "exchange_rates"
# Decimals of a rate, and the most decimals of a currency: a factor is a whole number.
RATE_DECIMALS, MOST_DECIMALS = 12, 4
# Rollups of refunds, and of the keys of cancelled orders; without the refunds of these, the first one is `refunds`.
GIVEN_BACK, CANCELLED = "given_back", "cancelled_orders"
# The lines of orders by their number, of which credit notes may say no more.
LINES = "ordered_lines"
REFUNDS = f"""refunds AS (
  SELECT given.* REPLACE (coalesce(given.product, sold.product) AS product, coalesce(given.form, sold.form) AS form)
  FROM (FROM {GIVEN_BACK} ANTI JOIN {CANCELLED} USING (order_key)) given LEFT JOIN {LINES} sold
    ON given.order_key = sold.order_key AND given.line_id = sold.line_id), """
# What rollups keep of the currency of an amount.
MONEY = "currency, decimals, rate_day"


def rates(settings: OrderSettings) -> tuple[Facts, ...]:
    """The exchange rates, where orders may be in other currencies."""
    fields = {
        "currency": Value("currency", "VARCHAR"),
        "since": Value("date", "VARCHAR"),
        "rate": Value("rate_units", "BIGINT"),
    }
    return (Facts(RATES, RATES, fields),) if settings.declared else ()


def valued(settings: OrderSettings, *rollups: str) -> str:
    """`WITH` of a query: the rows of each rollup as `<rollup>_valued`, with the factor that makes its amounts sums.

    The factor is null without a rate. Without declared formats there are no rates.
    """
    scale = f"(10 ** ({MOST_DECIMALS} - decimals))::HUGEINT"
    if not settings.declared:
        own = f"CASE WHEN rate_day = '' THEN {10**RATE_DECIMALS}::HUGEINT * {scale} END"
        if _is_in_cents(settings):
            own = "CASE WHEN rate_day = '' AND decimals = 2 THEN 1 END"
        return (
            "WITH " + ", ".join(f"{name}_valued AS (SELECT *, {own} AS factor FROM {name})" for name in rollups) + " "
        )
    own = f"SELECT {text(settings.currency)} AS currency, '' AS since, {10**RATE_DECIMALS}::HUGEINT AS rate"
    others = f"SELECT currency, since, rate::HUGEINT FROM {RATES} WHERE currency <> {text(settings.currency)}"
    named = ", ".join(
        f"{name}_valued AS (SELECT {name}.*, rate * {scale} AS factor FROM {name}"
        f" ASOF LEFT JOIN rates ON {name}.currency = rates.currency AND rate_day >= since)"
        for name in rollups
    )
    refunds = REFUNDS if "refunds" in rollups else ""
    return f"WITH rates AS ({own} UNION ALL {others}), {refunds}{named} "


def reported(settings: OrderSettings, amount: str) -> str:
    """The sum of amounts in minor units of the reporting currency."""
    if _is_in_cents(settings):
        return f"coalesce(sum({amount}) FILTER (factor IS NOT NULL), 0)::BIGINT"
    whole = 10 ** (RATE_DECIMALS + MOST_DECIMALS - exponent(settings.currency))
    return f"coalesce(half_up(sum(({amount})::HUGEINT * factor), {whole}), 0)::BIGINT"


def _is_in_cents(settings: OrderSettings) -> bool:
    """All amounts are cents of the reporting currency, as in orders of the contract: nothing is converted."""
    return not settings.declared and exponent(settings.currency) == 2  # noqa: PLR2004 - cents


def counted(number: str) -> str:
    """The sum of numbers of orders that are in sums of money."""
    return f"coalesce(sum({number}) FILTER (factor IS NOT NULL), 0)"


def major(settings: OrderSettings, minor: str) -> str:
    """An amount in whole units of the reporting currency."""
    decimals = exponent(settings.currency)
    return f"({minor}) * {10**-decimals:.{decimals}f}::DECIMAL({decimals + 1}, {decimals})"


def text(word: str) -> str:
    """A word in SQL."""
    return "'" + word.replace("'", "''") + "'"
