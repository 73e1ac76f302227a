"""Currencies of ISO 4217: the number of decimals of each; of most it is 2."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal

# https://www.six-group.com/en/products-services/financial-information/data-standards.html (list one, "Mnr unt")
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
USUAL = 2
# Wide enough for the largest amount times the largest quantity.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def _exponents() -> Iterator[tuple[str, int]]:
    for codes, exponent in ((_NONE, 0), (_THREE, 3), (_FOUR, 4)):
        for code in codes.split():
            yield code, exponent


EXPONENTS = dict(_exponents())


def exponent(currency: str) -> int:
    """The decimals of amounts in a currency."""
    return EXPONENTS.get(currency, USUAL)


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount in the smallest unit of its currency, such as cents, rounded half-up."""
    return int(amount.scaleb(exponent(currency), _EXACT).to_integral_value(context=_EXACT))
