"""The macros that every query may use."""

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
