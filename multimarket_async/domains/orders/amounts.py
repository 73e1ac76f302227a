"""An order's money: exact, in minor units (cents)."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from multimarket_async.errors import Rejected
from multimarket_async.store import Int64
from multimarket_async.strict_json import shown

COMPUTED = TOTAL, TOTAL_CENTS, LINES_CENTS = "montant_total", "montant_centimes", "lignes_centimes"
# Beyond it not every whole number of cents is a double, and `montant_total` is one. Sums have 64 bits.
LARGEST_TOTAL_CENTS = 2**53 - 1
# Below it 2 decimals make at most 15 digits, which survive the way through a double (DBL_DIG): no other
# decimal of such a length reads as the same double, so this one is the shortest.
SURELY_SHORTEST = 10**13
# Wide enough for the largest double times the largest quantity, to the cent.
EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def amounts(lines: Iterable[Mapping[str, Any]], decimals: int = 2) -> dict[str, Any]:
    """The fields that hold an order's money, for its `produits`. Raises Rejected.

    decimals: of the currency. Where they are not 2, a field says so, and the amounts are in minor units of that one.
    """
    if decimals == 2:  # noqa: PLR2004 - cents, as of most currencies
        return _amounts([line_cents(line["quantite"], line["prix_unitaire"]) for line in lines], 100)
    units = [_line_units(line["quantite"], line["prix_unitaire"], decimals) for line in lines]
    return {**_amounts(units, 10**decimals), "decimales": decimals}


def _amounts(lines_cents: list[int], whole: int) -> dict[str, Any]:
    total = sum(lines_cents)
    if total > LARGEST_TOTAL_CENTS:
        sentence = f"The order comes to {shown(total)} cents; at most {LARGEST_TOTAL_CENTS} are taken."
        raise Rejected("amount_too_large", sentence, "/produits")
    return {TOTAL: total / whole, TOTAL_CENTS: Int64(total), LINES_CENTS: [Int64(cents) for cents in lines_cents]}


def _line_units(quantite: int, prix_unitaire: float, decimals: int) -> int:
    exact = EXACT.multiply(Decimal(repr(prix_unitaire)), Decimal(10**decimals * quantite))
    return int(exact.to_integral_value(context=EXACT))


def line_cents(quantite: int, prix_unitaire: float) -> int:
    """The amount of a line in cents: quantite x prix_unitaire rounded half-up, computed exactly.

    A price means the decimal its sender wrote, which is the shortest that reads back as the same
    double (Steele & White 1990, Python's `repr`): 2.675 is 2.675, although the double lies below.
    With at most 15 digits and 2 decimals that decimal is found without `Decimal`.
    """
    if prix_unitaire < SURELY_SHORTEST:
        cents = round(prix_unitaire * 100)
        if cents / 100 == prix_unitaire:
            return quantite * cents
    exact = EXACT.multiply(Decimal(repr(prix_unitaire)), Decimal(100 * quantite))
    return int(exact.to_integral_value(context=EXACT))
