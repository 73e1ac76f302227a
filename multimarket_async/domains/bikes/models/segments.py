"""Segments of shops by the kinds of bikes that they buy: k-means, with as many segments as have the best silhouette.

Chance makes segments, too: so they are compared with those that are found when the orders are shuffled among the shops,
so that all shops buy alike. They are better if no more than 1 of 20 shuffles has a silhouette like theirs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from multimarket_async.results import NotEnough, Result

LEAST_SHOPS, MOST_SEGMENTS, STARTS, SHUFFLES = 6, 8, 4, 19
PRIOR = 20  # pieces as all shops buy them that a shop begins with: one that bought few is like all
MINOR = 100  # minor units of a whole one
USUAL = 0.1  # a figure that differs by less from that of all shops is a usual one
Floats = NDArray[np.float64]
# (features, number of segments, seed) -> the segment of each row
Clusters: TypeAlias = Callable[[Floats, int, int], NDArray[Any]]


@dataclass
class Bought:
    """Purchases of some shops: pieces by category and by kind of bike, and their value, in minor units."""

    categories: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    value_minor: int = 0

    @property
    def bikes(self) -> int:
        """The number of pieces."""
        return self.kinds.total()

    @property
    def average_price(self) -> float:
        """The mean price of a piece, in whole units."""
        return self.value_minor / self.bikes / MINOR

    def add(self, category: str, kind: str, pieces: int, value_minor: int) -> None:
        """Add pieces of a kind."""
        self.categories[category] += pieces
        self.kinds[kind] += pieces
        self.value_minor += value_minor


def k_means(features: Floats, number: int, seed: int) -> NDArray[Any]:
    """The segment of each row: of several starts the best one."""
    found: NDArray[Any] = KMeans(number, n_init=STARTS, random_state=seed).fit_predict(features)
    return found


def run(inputs: Mapping[str, Any], seed: int, clusters: Clusters = k_means) -> Result:
    """A row a shop, with its segment: the first one buys most."""
    bought = inputs["bought"].fetchall()
    shops = _added_up(bought, by=_shops(bought))
    if len(shops) < LEAST_SHOPS:
        raise NotEnough(f"{len(shops)} shops have bought bikes, and {LEAST_SHOPS} are needed")
    orders, owners = _orders(bought, list(shops))
    scores, labels = _best(_features(orders, owners), seed, clusters)
    rng = np.random.default_rng(seed)
    shuffled = [
        max(_best(_features(orders, rng.permutation(owners)), seed, k_means)[0].values()) for _ in range(SHUFFLES)
    ]
    segments = _in_order(bought, dict(zip(shops, labels.tolist(), strict=True)))
    note = "" if max(scores.values()) > max(shuffled) else "; no better than chance"
    rows = [{**row, "description": row["description"] + note} for row in _rows(bought, shops, segments, scores)]
    baseline = f"the highest of {SHUFFLES} shuffles of the orders"
    return Result(rows, "silhouette", max(scores.values()), baseline, max(shuffled), better="higher")


def _shops(bought: Sequence[tuple[Any, ...]]) -> list[tuple[int, str]]:
    """The shop of each row."""
    return [(shop_id, shop) for _, shop_id, shop, *_ in bought]


def _added_up(bought: Sequence[tuple[Any, ...]], by: Iterable[Any]) -> dict[Any, Bought]:
    sums: dict[Any, Bought] = {}
    for key, (_, _, _, *facts) in zip(by, bought, strict=True):
        sums.setdefault(key, Bought()).add(*facts)
    return sums


def _orders(bought: Sequence[tuple[Any, ...]], shops: Sequence[Any]) -> tuple[Floats, NDArray[np.int64]]:
    """A row an order: its pieces by kind and then their value; and the place of its shop."""
    orders = _added_up(bought, by=[tuple(row[:3]) for row in bought])
    kinds = sorted({kind for order in orders.values() for kind in order.kinds})
    rows = [[*(order.kinds[kind] for kind in kinds), order.value_minor] for order in orders.values()]
    places = {shop: place for place, shop in enumerate(shops)}
    return np.array(rows, dtype=np.float64), np.array([places[shop_id, shop] for _, shop_id, shop in orders])


def _features(orders: Floats, owners: NDArray[np.int64]) -> Floats:
    """The share of each kind of bike in the pieces of a shop, and their mean price; each with variance 1."""
    sums = np.stack([np.bincount(owners, weights=column) for column in orders.T], axis=1)
    sizes = sums[:, :-1].sum(axis=1, keepdims=True)
    shares = (sums + PRIOR * sums.sum(axis=0) / sizes.sum()) / (sizes + PRIOR)
    scaled: Floats = StandardScaler().fit_transform(shares)
    return scaled


def _best(features: Floats, seed: int, clusters: Clusters) -> tuple[dict[int, float], NDArray[Any]]:
    """The silhouettes by number of segments, and the segments where it is best: the fewest of several that are."""
    scores, found = dict[int, float](), dict[int, NDArray[Any]]()
    for number in range(2, min(MOST_SEGMENTS, len(features) - 1) + 1):
        labels = clusters(features, number, seed)
        scores[number], found[number] = float(silhouette_score(features, labels)), labels
    return scores, found[max(scores, key=lambda number: (round(scores[number], 6), -number))]


def _in_order(bought: Sequence[tuple[Any, ...]], labels: Mapping[Any, int]) -> dict[Any, int]:
    """The segments by shop, from 1 on: those that bought most first."""
    sizes = _added_up(bought, by=[labels[shop] for shop in _shops(bought)])
    numbers = {label: number for number, label in enumerate(sorted(sizes, key=lambda each: -sizes[each].bikes), 1)}
    return {shop: numbers[label] for shop, label in labels.items()}


def _rows(
    bought: Sequence[tuple[Any, ...]], shops: Mapping[Any, Bought], segments: Mapping[Any, int], scores: Any
) -> Iterable[dict[str, Any]]:
    by_segment = _added_up(bought, by=[segments[shop] for shop in _shops(bought)])
    [everything] = _added_up(bought, by=[""] * len(bought)).values()
    sizes = Counter(segments.values())
    usual_size = everything.bikes / len(shops)
    tried = ", ".join(f"{number}: {score:.3f}" for number, score in scores.items())
    for (shop_id, name), shop in shops.items():
        segment = segments[shop_id, name]
        of_segment = by_segment[segment]
        words = described(of_segment, everything, of_segment.bikes / sizes[segment], usual_size)
        [(category, pieces)] = shop.categories.most_common(1)
        yield {
            "shop_id": shop_id, "shop": name, "segment": segment, "description": words, "bikes": shop.bikes,
            "value_minor": shop.value_minor, "category": category, "share": pieces / shop.bikes,
            "silhouettes": tried,
        }  # fmt: skip


def described(segment: Bought, everything: Bought, size: float, usual_size: float) -> str:
    """A segment in words, from its own figures beside those of all shops. size: mean pieces of a shop."""
    [(category, pieces)] = segment.categories.most_common(1)
    share, usual = pieces / segment.bikes, everything.categories[category] / everything.bikes
    kinds = " and ".join(kind for kind, _ in segment.kinds.most_common(2))
    price = _compared(segment.average_price, everything.average_price, "dearer bikes", "cheaper bikes", "usual prices")
    amount = _compared(size, usual_size, "many bikes a shop", "few bikes a shop", "a usual number of bikes a shop")
    return (
        f"{share:.0%} {category} ({usual:.0%} of all), mostly {kinds}; {price}, {segment.average_price:,.0f} on average"
        f" ({everything.average_price:,.0f}); {amount}, {size:,.0f} ({usual_size:,.0f})"
    )


def _compared(figure: float, usual: float, more: str, less: str, same: str) -> str:
    return more if figure > usual * (1 + USUAL) else less if figure < usual * (1 - USUAL) else same
