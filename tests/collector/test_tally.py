"""Counts and waiting times, by hand."""

from multimarket_async.collector import Latency, Tally, measured


def test_nothing_yet() -> None:
    """No file, no latency, and every outcome is named all the same."""
    tally = Tally(10.0)
    assert measured(tally.waits(), tally.latency_budget_s) is None
    assert tally.by_outcome() == {"stored": 0, "duplicate": 0, "quarantined": 0}
    assert tally.total() == 0


def test_files_by_outcome() -> None:
    """Every code of a rejection counts as quarantined, over all feeds."""
    tally = Tally(10.0)
    for feed, outcome in [("a", "stored"), ("b", "stored"), ("a", "duplicate"), ("a", "conflict"), ("b", "bad_json")]:
        tally.count(feed, outcome, 0.0)
    assert tally.by_outcome() == {"stored": 2, "duplicate": 1, "quarantined": 2}
    assert tally.outcomes["a", "stored"] == 1


def test_total() -> None:
    """Of the outcomes named; of none, all files."""
    tally = Tally(10.0)
    for outcome in ("stored", "stored", "duplicate", "conflict"):
        tally.count("a", outcome, 0.0)
    assert (tally.total("stored"), tally.total("stored", "conflict"), tally.total("other"), tally.total()) == (
        2,
        3,
        0,
        4,
    )


def test_latency_of_a_hundred_files() -> None:
    """1 s, 2 s, ... 100 s: half wait 50.5 s or less, 99 of 100 99.01 s or less, 5 are over 95 s."""
    tally = Tally(95.0)
    for seconds in range(100, 0, -1):
        tally.count("a", "stored", float(seconds))
    assert measured(tally.waits(), tally.latency_budget_s) == Latency(
        files=100, p50_s=50.5, p99_s=99.01, max_s=100.0, breaches=5
    )


def test_latency_of_four_files() -> None:
    """The median of 1, 2, 3 and 4 s is 2.5 s; 99 % of the way from 1 to 4 s is 3.97 s."""
    tally = Tally(10.0)
    for seconds in (4.0, 1.0, 3.0, 2.0):
        tally.count("a", "stored", seconds)
    assert measured(tally.waits(), tally.latency_budget_s) == Latency(
        files=4, p50_s=2.5, p99_s=3.97, max_s=4.0, breaches=0
    )


def test_latency_of_one_file() -> None:
    """One file is its own median; exactly the budget is no breach."""
    tally = Tally(10.0)
    tally.count("a", "stored", 10.0)
    assert measured(tally.waits(), tally.latency_budget_s) == Latency(
        files=1, p50_s=10.0, p99_s=10.0, max_s=10.0, breaches=0
    )


def test_latency_starts_anew() -> None:
    """Each call tells of the files since the last; counts go on."""
    tally = Tally(10.0)
    tally.count("a", "stored", 99.0)
    measured(tally.waits(), tally.latency_budget_s)
    tally.count("a", "conflict", 1.0)
    assert measured(tally.waits(), tally.latency_budget_s) == Latency(
        files=1, p50_s=1.0, p99_s=1.0, max_s=1.0, breaches=0
    )
    assert (measured(tally.waits(), tally.latency_budget_s), tally.total()) == (None, 2)
