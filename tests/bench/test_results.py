"""What a bench makes of its numbers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def results() -> ModuleType:
    """The bench's files are programs: they find each other in their own folder, which is not on our path."""
    spec = importlib.util.spec_from_file_location("bench_results", Path(__file__).with_name("results.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    results: ModuleType, share: float, expected: float
) -> None:
    assert results.percentile(range(100, 0, -1), share) == expected


def test_a_target_is_met_by_the_median(results: ModuleType) -> None:
    assert results.Row("burst", "rate", "x", [0.1, 0.9, 5.0], at_least=0.9).met is True
    assert results.Row("latency", "p99", "ms", [1, 301, 400], at_most=300).met is False
    assert results.Row("start", "cold", "s", [1]).met is None


def test_ratios_go_pair_by_pair(results: ModuleType) -> None:
    assert results.ratios("burst", "a : b", [10, 30], [20, 20], 1.0).values == [0.5, 1.5]


@pytest.mark.parametrize(("value", "shown"), [(12345.6, "12,346"), (99.96, "100"), (1.234, "1.23"), (0.0456, "0.0456")])
def test_a_figure_has_the_digits_that_count(results: ModuleType, value: float, shown: str) -> None:
    assert results.figure(value) == shown
