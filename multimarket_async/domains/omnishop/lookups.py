"""Recommendations as the site asks for them: for a client, and for what is in the basket at this moment."""

from collections.abc import Mapping
from functools import partial

from multimarket_async.domains import Column, Find, Lookup, Row
from multimarket_async.domains.omnishop.results import AFFINITY, ANYBODY, RECOMMENDATIONS
from multimarket_async.domains.omnishop.settings import OmniSettings
from multimarket_async.pseudonyms import Pseudonyms

BEST, MOST_PRODUCTS = 10, 20
RANKS = range(1, BEST + 1)
BASKET = 2.0  # weight of what goes with the basket


async def recommended(find: Find, asked: Mapping[str, str], *, pseudonyms: Pseudonyms | None) -> list[Row]:
    """The best products that are not in the basket; of a client that nobody knows, those that most people buy."""
    basket = [product for product in asked["basket"].split(",") if product][:MOST_PRODUCTS]
    client = pseudonyms.of(asked["client"]) if pseudonyms else asked["client"]
    known = await find(RECOMMENDATIONS.name, [f"{each}/{rank}" for each in (client, ANYBODY) for rank in RANKS])
    own = [row for row in known if row["client"] == client] or known
    near = await find(AFFINITY.name, [f"{product}/{rank}" for product in basket for rank in RANKS]) if basket else []
    scores = {row["product"]: (row["strength"], row["reason"]) for row in own}
    for row in near:
        score, reason = scores.get(row["other"], (0.0, f"goes with {row['product']}"))
        scores[row["other"]] = (score + BASKET * row["strength"], reason)
    ranked = sorted(((product, *of) for product, of in scores.items() if product not in basket), key=_order)
    return [
        {"rank": rank, "product": product, "score": round(score, 4), "reason": reason}
        for rank, (product, score, reason) in enumerate(ranked[:BEST], 1)
    ]


def _order(row: tuple[str, float, str]) -> tuple[float, str]:
    return -row[1], row[0]


def lookups(settings: OmniSettings) -> tuple[Lookup, ...]:
    """The lookups. Who asks gives the key of a client as the shop has it."""
    lookup = Lookup(
        "recommendations",
        "Products to recommend to a client, with this basket",
        {"client": "Key of a client; empty: anybody.", "basket": "Products in the basket, separated by commas."},
        (
            Column("rank", "integer", "Rank", role="other"),
            Column("product", "string", "Product"),
            Column("score", "double", "Score", role="other"),
            Column("reason", "string", "Reason"),
        ),
        {
            RECOMMENDATIONS.name: ("client", "product", "strength", "reason"),
            AFFINITY.name: ("product", "other", "strength"),
        },
        partial(recommended, pseudonyms=settings.pseudonyms),
    )
    return (lookup,)
