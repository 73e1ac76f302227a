"""Products for each client: own purchases and views, and what goes with them by the cosine of who bought them.

Judged on the purchases of the last days, which it was not fitted to.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score
from sklearn.metrics.pairwise import cosine_similarity

from multimarket_async.domains.omnishop.models.grades import Grade, graded
from multimarket_async.domains.omnishop.results import ANYBODY
from multimarket_async.results import NotEnough, Result

NEXT_DAYS, LEAST_DAYS, LEAST_CLIENTS, BEST = 30, 45, 10, 10
VIEW, LIKENESS, POPULAR = 0.25, 0.5, 0.1  # weights beside that of own purchases
Floats = NDArray[np.float64]
Bought = Sequence[tuple[str, str, date, int]]  # client, product, day, pieces or views


class Table(NamedTuple):
    """Purchases and views, client by product."""

    bought: Floats
    viewed: Floats


class Scores(NamedTuple):
    """Scores of all products for all clients, and their parts. like: of products for each other."""

    total: Floats
    likeness: Floats
    like: Floats


def run(inputs: Mapping[str, Any], seed: int) -> Result:  # noqa: ARG001 - nothing is drawn
    """Ten rows a client."""
    bought, viewed = inputs["bought"].fetchall(), inputs["viewed"].fetchall()
    categories = dict(inputs["products"].fetchall())
    days = [day for _, _, day, _ in bought]
    if not days or (max(days) - min(days)).days < LEAST_DAYS:
        raise NotEnough(f"orders are of less than {LEAST_DAYS} days")
    cut, clients = max(days) - timedelta(days=NEXT_DAYS), sorted({client for client, *_ in bought})
    products = sorted(categories)
    grades = _grades(bought, viewed, cut, clients, categories)
    now = _table(bought, viewed, date.max, clients, products)
    found = _scores(now)
    rows = [row for place in range(len(clients)) for row in _rows(place, clients[place], products, now, found)]
    rows += _often_bought(products, now)
    return graded("recommendations", rows, grades, omni_affinity=_affinity(products, found.like))


def _table(bought: Bought, viewed: Bought, until: date, clients: Sequence[str], products: Sequence[str]) -> Table:
    places = {client: place for place, client in enumerate(clients)}, {name: n for n, name in enumerate(products)}
    tables = np.zeros((2, len(clients), len(products)))
    for table, rows in zip(tables, (bought, viewed), strict=True):
        for client, product, day, times in rows:
            if day <= until and client in places[0] and product in places[1]:
                table[places[0][client], places[1][product]] += times
    return Table(*np.log1p(tables))


def _scores(table: Table) -> Scores:
    interest = table.bought + VIEW * table.viewed
    like = cosine_similarity(interest.T)
    np.fill_diagonal(like, 0)
    likeness = interest @ like / (1 + like.sum(axis=0))
    popular = table.bought.sum(axis=0) / max(table.bought.sum(), 1)
    scaled = likeness / np.maximum(likeness.max(axis=1, keepdims=True), 1e-9)
    return Scores(interest + LIKENESS * scaled + POPULAR * popular / popular.max(), likeness, like)


def _grades(
    bought: Bought, viewed: Bought, cut: date, clients: Sequence[str], categories: Mapping[str, str]
) -> list[Grade]:
    products = sorted(categories)
    table = _table(bought, viewed, cut, clients, products)
    later = [row for row in bought if row[2] > cut]
    coming = _table(later, [], date.max, clients, products).bought > 0
    judged = (table.bought.sum(axis=1) > 0) & coming.any(axis=1)
    if judged.sum() < LEAST_CLIENTS:
        raise NotEnough(f"{judged.sum()} clients bought before and after {cut}, and {LEAST_CLIENTS} are needed")
    popular = np.tile(table.bought.sum(axis=0), (len(clients), 1))
    among = {name: np.array([categories[product] == name for product in products]) for name in {*categories.values()}}
    spent = {name: table.bought[:, of].sum(axis=1) for name, of in among.items()}
    names = sorted(among)
    favourite = np.argmax(np.stack([spent[name] for name in names]), axis=0)
    of_category = popular * np.stack([among[names[place]] for place in favourite])
    model, first, second = (_judged(each[judged], coming[judged]) for each in (
        _scores(table).total, popular, of_category))  # fmt: skip
    grades = [
        Grade(f"{measure}{suffix}", model[measure], against, other[measure])
        for against, other, suffix in (("most popular", first, ""), ("most popular of category", second, " (category)"))
        for measure in ("recall@10", "NDCG@10")
    ]
    return [*grades, Grade("coverage", model["coverage"], "most popular", first["coverage"])]


def _judged(scores: Floats, coming: NDArray[np.bool_]) -> dict[str, float]:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :BEST]
    hits = np.take_along_axis(coming, best, axis=1).sum(axis=1)
    ndcg = float(ndcg_score(coming.astype(float), scores, k=BEST))
    return {
        "recall@10": float(np.mean(hits / coming.sum(axis=1))), "NDCG@10": ndcg,
        "coverage": len(np.unique(best)) / scores.shape[1],
    }  # fmt: skip


def _rows(place: int, client: str, products: Sequence[str], table: Table, found: Scores) -> list[dict[str, Any]]:
    scores = found.total[place]
    best = np.argsort(-scores, kind="stable")[:BEST]
    return [
        {
            "client": client, "rank": rank, "product": products[product], "strength": float(scores[product]),
            "reason": _reason(place, int(product), products, table, found),
        }
        for rank, product in enumerate(best, 1)
    ]  # fmt: skip


def _often_bought(products: Sequence[str], table: Table) -> list[dict[str, Any]]:
    """For clients that nobody knows."""
    popular = table.bought.mean(axis=0)
    return [
        {"client": ANYBODY, "rank": rank, "product": products[product], "strength": float(popular[product]),
         "reason": "often bought"}
        for rank, product in enumerate(np.argsort(-popular, kind="stable")[:BEST], 1)
    ]  # fmt: skip


def _reason(place: int, product: int, products: Sequence[str], table: Table, found: Scores) -> str:
    if table.bought[place, product]:
        return "bought before"
    if table.viewed[place, product]:
        return "viewed on the site"
    because = (table.bought[place] + VIEW * table.viewed[place]) * found.like[:, product]
    return f"goes with {products[int(np.argmax(because))]}" if because.max() > 0 else "often bought"


def _affinity(products: Sequence[str], like: Floats) -> list[dict[str, Any]]:
    """For each product the ones that go with it best."""
    return [
        {"product": products[place], "rank": rank, "other": products[other], "strength": float(like[place, other])}
        for place in range(len(products))
        for rank, other in enumerate(np.argsort(-like[place], kind="stable")[:BEST], 1)
        if like[place, other] > 0
    ]
