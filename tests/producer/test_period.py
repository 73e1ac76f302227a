"""Periods: lengths of time as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from multimarket_async.errors import WrongSettings
from multimarket_async.producer import Period


@pytest.mark.parametrize(
    ("length", "until", "earliest"),
    [
        ("24months", "2026-05-20", "2024-05-20"),
        ("2 years", "2026-05-20", "2024-05-20"),
        ("1month", "2026-03-31", "2026-02-28"),
        ("1month", "2024-03-31", "2024-02-29"),
        ("3months", "2026-01-15", "2025-10-15"),
        ("12months", "2026-12-31", "2025-12-31"),
        ("1 day", "2026-03-01", "2026-02-28"),
        ("8weeks", "2026-02-26", "2026-01-01"),
    ],
)
def test_a_length_is_counted_back(length: str, until: str, earliest: str) -> None:
    """By the calendar, to the last day of a shorter month."""
    period = Period.before(datetime.fromisoformat(until), length)
    assert (f"{period.earliest:%Y-%m-%d}", f"{period.latest:%Y-%m-%d}") == (earliest, until)


def test_it_ends_at_the_midnight_before() -> None:
    """Of UTC: here already the day before."""
    late = datetime(2026, 5, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert Period.before(late, "1day") == Period(datetime(2026, 5, 18, tzinfo=UTC), datetime(2026, 5, 19, tzinfo=UTC))


@pytest.mark.parametrize("length", ["", "months", "0days", "-1days", "24", "24 fortnights", "9999years"])
def test_what_is_no_length_is_wrong_use(length: str) -> None:
    """With what was given."""
    with pytest.raises(WrongSettings) as stop:
        Period.before(datetime(2026, 5, 20, tzinfo=UTC), length)
    assert str(stop.value).startswith(f"{length!r} is ")
