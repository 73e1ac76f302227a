"""Next purchases: the kind of bike that a shop buys most of in its next order, of its earlier ones; a random forest."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from multimarket_async.results import NotEnough, Result

LEAST_ORDERS, TRAINED_ON, TREES, LEAST_LEAF = 40, 0.75, 200, 8
PRIOR = 5.0  # pieces of all shops that a shop begins with
Floats = NDArray[np.float64]
# (features, kinds, features asked for, seed) -> the probability of each kind, by name, for each of these
Likely: TypeAlias = Callable[[Floats, Sequence[str], Floats, int], Floats]


class Order(NamedTuple):
    """An order of a shop. kind: of which it has most pieces. kinds: its pieces by kind."""

    day: date
    kind: str
    kinds: Counter[str]


class Moment(NamedTuple):
    """A shop before an order. target: the kind that this order has most of."""

    day: date
    features: list[float]
    target: str


def forest(features: Floats, targets: Sequence[str], asked: Floats, seed: int) -> Floats:
    """The probabilities by a random forest."""
    trees = RandomForestClassifier(TREES, min_samples_leaf=LEAST_LEAF, random_state=seed)
    found: Floats = trees.fit(features, targets).predict_proba(asked)
    return found


def run(inputs: Mapping[str, Any], seed: int, likely: Likely = forest) -> Result:
    """A row a shop and kind: how likely its next order has most of it. Judged on the last quarter of all orders."""
    shops = _shops(inputs["orders"].fetchall())
    kinds = sorted({kind for orders in shops.values() for order in orders for kind in order.kinds})
    moments = sorted(moment for orders in shops.values() for moment in _moments(orders, kinds, _shares(shops, kinds)))
    split = int(len(moments) * TRAINED_ON)
    train, test = moments[:split], moments[split:]
    if len(moments) < LEAST_ORDERS or len({moment.target for moment in train}) < 2:  # noqa: PLR2004
        raise NotEnough(f"{len(moments)} orders follow an earlier one of their shop, and {LEAST_ORDERS} are needed")
    [(usual, _)] = Counter(moment.target for moment in train).most_common(1)
    found = _predicted(train, [moment.features for moment in test], seed, likely)
    hits = [max(of, key=of.__getitem__) == moment.target for of, moment in zip(found, test, strict=True)]
    score = float(np.mean(hits))
    majority = float(np.mean([moment.target == usual for moment in test]))
    shares = _shares(shops, kinds)
    now = [[*_after_each(orders, kinds, shares)][-1] for _, orders in sorted(shops.items())]
    rows = list(_rows(sorted(shops), kinds, _predicted(moments, now, seed, likely)))
    return Result(rows, "accuracy", score, "always the most frequent kind", majority, better="higher")


def _predicted(train: list[Moment], asked: list[list[float]], seed: int, likely: Likely) -> list[dict[str, float]]:
    """The probability of each kind that was a target, for each that is asked for."""
    features, targets = np.array([moment.features for moment in train]), [moment.target for moment in train]
    found = likely(features, targets, np.array(asked), seed)
    return [dict(zip(sorted({*targets}), row, strict=True)) for row in found.tolist()]


def _shops(lines: list[tuple[Any, ...]]) -> dict[tuple[int, str], list[Order]]:
    """The orders of each shop, oldest first."""
    found: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for shop_id, shop, day, order, kind, pieces in lines:
        found[shop_id, shop, day, order][kind] += pieces
    shops: dict[tuple[int, str], list[Order]] = defaultdict(list)
    for (shop_id, shop, day, _), kinds in found.items():
        most = max(kinds, key=lambda kind: (kinds[kind], kind))
        shops[shop_id, shop].append(Order(day, most, kinds))
    return shops


def _shares(shops: Mapping[Any, list[Order]], kinds: list[str]) -> Floats:
    """The share of each kind in the first orders of all shops, of which none is judged on."""
    orders = sorted((order.day, order.kind) for orders in shops.values() for order in orders)
    early = Counter(kind for _, kind in orders[: int(len(orders) * TRAINED_ON)])
    return np.array([(early[kind] + 1) / (early.total() + len(kinds)) for kind in kinds])


def _moments(orders: list[Order], kinds: list[str], shares: Floats) -> Iterator[Moment]:
    before = _after_each(orders, kinds, shares)
    for order, features in zip(orders[1:], before, strict=False):
        yield Moment(order.day, features, order.kind)


def _after_each(orders: list[Order], kinds: list[str], shares: Floats) -> Iterator[list[float]]:
    """After each order: the shares of kinds in all orders so far and in the last one, and the number of orders."""
    bought = Counter[str]()
    for number, order in enumerate(orders, start=1):
        bought.update(order.kinds)
        own = (np.array([bought[kind] for kind in kinds]) + PRIOR * shares) / (bought.total() + PRIOR)
        yield [*own.tolist(), *(order.kinds[kind] / order.kinds.total() for kind in kinds), float(number)]


def _rows(
    shops: Sequence[tuple[int, str]], kinds: list[str], found: Sequence[Mapping[str, float]]
) -> Iterator[dict[str, Any]]:
    for (shop_id, shop), likely in zip(shops, found, strict=True):
        ranked = sorted(kinds, key=lambda kind: (-likely.get(kind, 0.0), kind))
        for rank, kind in enumerate(ranked, start=1):
            probability = likely.get(kind, 0.0)
            yield {"shop_id": shop_id, "shop": shop, "kind": kind, "rank": rank, "probability": probability}
