"""The macros that every query may use."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from multimarket_async import sql


@pytest.mark.parametrize(
    ("number", "divisor", "rounded"),
    [(7, 2, 4), (5, 2, 3), (1, 3, 0), (-5, 2, -2), (-7, 2, -3), (-8, 3, -3), (5, -2, -2), (-5, -2, 3), (1, 0, None)],
)
def test_half_up(number: int, divisor: int, rounded: int | None, tmp_path: Path) -> None:
    """To the nearest whole number, of two the upper one, also below 0; null over nothing."""
    database = sql.opened(tmp_path / "sql", "64MB")
    sql.define(database, "UTC")
    assert database.execute("SELECT half_up(?, ?)", [number, divisor]).fetchall() == [(rounded,)]
    database.close()


@pytest.mark.parametrize(
    ("timezone", "day", "start"),
    [
        ("UTC", "2026-07-01", "2026-07-01 00:00:00"),
        ("Etc/GMT-3", "2026-07-01", "2026-06-30 21:00:00"),
        ("Europe/Paris", "2026-07-01", "2026-06-30 22:00:00"),
        ("Europe/Paris", "2026-01-01", "2025-12-31 23:00:00"),
    ],
)
def test_start_of_a_day(timezone: str, day: str, start: str, tmp_path: Path) -> None:
    """In UTC, whether clocks of the zone change or not."""
    database = sql.opened(tmp_path / "sql", "64MB")
    sql.define(database, timezone)
    assert database.execute("SELECT start_of(?)::VARCHAR", [day]).fetchall() == [(start,)]
    database.close()


def test_rows_of_a_query(tmp_path: Path) -> None:
    """Amounts as doubles, instants in UTC, also in lists; columns of other types as they are; in batches."""
    database = sql.opened(tmp_path / "sql", "64MB")
    query = "SELECT i, 1.10::DECIMAL(9, 2) AS a, [a] AS l, NULL AS n, TIMESTAMP '2026-01-01' AS t FROM range(2500) r(i)"
    rows = list(sql.rows(database.execute(query)))
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    assert rows == [{"i": number, "a": 1.1, "l": [1.1], "n": None, "t": instant} for number in range(2500)]
    assert {type(rows[0]["a"]), type(rows[0]["l"][0])} == {float}
    database.close()
