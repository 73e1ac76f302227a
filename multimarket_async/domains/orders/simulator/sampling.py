"""Random words by key, the same on every machine, and tables that turn a word into a choice.

Whole numbers only: Python promises neither the stream of `random` nor the last bit of `pow` on every platform.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import accumulate, chain, pairwise, repeat
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Words: TypeAlias = tuple[int, ...]  # 16 of 32 bits
SLOTS = 1 << 16
STEPS = 1 << 10

_unpacked = struct.Struct("<16I").unpack


def keyed(key: str) -> Callable[[int], Words]:
    """From a number to 16 words of 32 bits; neighbours share nothing (BLAKE2b, RFC 7693)."""
    begun = blake2b(key.encode() + b":")

    def words(number: int) -> Words:
        digest = begun.copy()
        digest.update(b"%d" % number)
        return _unpacked(digest.digest())

    return words


def slots(values: Sequence[T], weights: Iterable[float]) -> list[T]:
    """65,536 slots, shared out by weight: the upper 16 bits of a word choose a slot."""
    sums = list(accumulate(weights))
    bounds = [int(part / sums[-1] * SLOTS) for part in sums]
    runs = (repeat(value, end - first) for value, (first, end) in zip(values, pairwise([0, *bounds]), strict=True))
    return list(chain.from_iterable(runs))


def zipf(ranks: int, exponent: float) -> list[float]:
    """1 / rank ^ exponent, rank 1 first."""
    return [float(Decimal(rank) ** -Decimal(repr(exponent))) for rank in range(1, ranks + 1)]


def heavy_tail(ranks: int, regulars: int) -> Callable[[int], int]:
    """From a word to a rank from 0 on, in proportion to 1 / (rank + regulars).

    Zipf-Mandelbrot with exponent 1: its quantile u is regulars * ((ranks + regulars) / regulars) ^ u - regulars,
    tabulated at 1,025 points, straight between them.
    """
    ratio = Decimal(ranks + regulars) / regulars
    points = [int((regulars * ratio ** (Decimal(step) / STEPS) - regulars) * SLOTS) for step in range(STEPS + 1)]
    spans = [(first, following - first) for first, following in pairwise(points)]

    def rank(word: int) -> int:
        first, width = spans[word >> 22]
        return min(ranks - 1, first + (width * (word & 0x3FFFFF) >> 22) >> 16)

    return rank
