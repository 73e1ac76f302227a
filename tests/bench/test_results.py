"""Medians, ratios and targets of a bench."""

import pytest

from tests.bench.results import Row, figure, percentile, ratios


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), share) == expected


def test_a_target_is_met_by_the_median() -> None:
    assert Row("burst", "rate", "x", [0.1, 0.9, 5.0], at_least=0.9).met is True
    assert Row("latency", "p99", "ms", [1, 301, 400], at_most=300).met is False
    assert Row("start", "cold", "s", [1]).met is None


def test_ratios_go_pair_by_pair() -> None:
    assert ratios("burst", "a : b", [10, 30], [20, 20], 1.0).values == [0.5, 1.5]


@pytest.mark.parametrize(("value", "shown"), [(12345.6, "12,346"), (99.96, "100"), (1.234, "1.23"), (0.0456, "0.0456")])
def test_a_figure_has_the_digits_that_count(value: float, shown: str) -> None:
    assert figure(value) == shown
