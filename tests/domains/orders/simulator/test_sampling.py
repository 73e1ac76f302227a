"""Chance by key: the same everywhere, evenly spread, and shared out as the weights say."""

from collections import Counter

import pytest

from multimarket_async.domains.orders.simulator.sampling import SLOTS, heavy_tail, keyed, slots, zipf


def test_a_key_and_a_number_give_their_words() -> None:
    """Pinned: BLAKE2b is the same on every machine."""
    assert keyed("1:web")(0)[:3] == (1775515122, 2713936003, 1152299104)
    assert len(set(keyed("1:web")(0)) | set(keyed("1:web")(1)) | set(keyed("11:web")(0))) == 48


def test_words_are_spread_evenly() -> None:
    """Each of the 16, over its whole range."""
    words = keyed("1:web")
    for tenths in zip(*(tuple(word * 10 >> 32 for word in words(number)) for number in range(10_000)), strict=True):
        counts = Counter(tenths)
        assert min(counts.values()) > 880
        assert max(counts.values()) < 1120


def test_slots_are_shared_out_by_weight() -> None:
    """All of them; a weight of nothing gets none."""
    counts = Counter(slots("abcd", [1, 0, 2, 1]))
    assert counts == {"a": SLOTS / 4, "c": SLOTS / 2, "d": SLOTS / 4}
    assert len(slots(range(116), zipf(116, 0.9))) == SLOTS


def test_zipf_is_a_power_of_the_rank() -> None:
    assert zipf(4, 1.0) == [1.0, 0.5, 1 / 3, 0.25]
    assert zipf(3, 0.0) == [1.0, 1.0, 1.0]


def test_the_tail_is_heavy() -> None:
    """In proportion to 1 / (rank + regulars), from the first rank to the last."""
    rank = heavy_tail(40_000, 100)
    counts = Counter(rank(word) for word in range(0, 2**32, 4093))
    total = sum(counts.values())
    weights = [1 / (each + 100.5) for each in range(40_000)]
    for first, end in ((0, 1), (0, 10), (10, 100), (100, 1000), (1000, 10_000), (10_000, 40_000)):
        expected = sum(weights[first:end]) / sum(weights)
        assert sum(counts[each] for each in range(first, end)) / total == pytest.approx(expected, rel=0.02)
    assert (min(counts), max(counts)) == (0, 39_999)
    assert (rank(0), rank(2**32 - 1)) == (0, 39_999)


def test_one_customer_is_always_the_same() -> None:
    """The smallest pool there may be."""
    assert {heavy_tail(1, 1)(word) for word in (0, 2**31, 2**32 - 1)} == {0}
