"""Histograms: every value in one bucket."""

from multimarket_async.meters import Histogram


def test_a_bound_belongs_to_its_bucket() -> None:
    """Less than or equal, as Prometheus has it; what is larger than all has a bucket too."""
    histogram = Histogram((1, 10))
    for value in (0.5, 1, 1.5, 10, 11, 1000):
        histogram.observe(value)
    assert (histogram.counts, histogram.sum) == ([2, 2, 2], 1024.0)
