"""Rows regrouped by roles: sums stay exact, ratios are those of sums, and what cannot be regrouped is left out."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimarket_async.domains import Column
from multimarket_async.readers.regrouping import regrouped, regrouped_columns

COLUMNS = (
    Column("month", "string", "Month", role="time"),
    Column("store", "string", "Store"),
    Column("visits", "integer", "Visits"),
    Column("tickets", "integer", "Tickets"),
    Column("sales", "double", "Sales", "EUR", exact="sales_minor"),
    Column("sales_minor", "money", "Sales", "EUR"),
    Column("conversion_pct", "percent", "Conversion", "%", nullable=True, of=("tickets", "visits")),
    Column("basket_minor", "money", "Basket", "EUR", nullable=True, of=("sales_minor", "tickets")),
    Column("basket", "double", "Basket", "EUR", nullable=True, of=("sales_minor", "tickets")),
    Column("rank", "integer", "Rank", role="other"),
)


def row(month: str, store: str, visits: int, tickets: int, sales_minor: int) -> dict[str, Any]:
    """Its ratios are made up: what is regrouped must not use them."""
    made_up = {"conversion_pct": -1.0, "basket_minor": -1, "basket": -1.0, "rank": 1}
    sums = {"visits": visits, "tickets": tickets, "sales": sales_minor / 100, "sales_minor": sales_minor}
    return {"month": month, "store": store, **sums, **made_up}


def test_the_conversion_of_a_quarter_is_the_ratio_of_its_sums() -> None:
    """Not the mean of three conversions, which would be 40.0."""
    rows = [row("2026-01", "a", 10, 9, 900), row("2026-02", "a", 90, 9, 1), row("2026-03", "a", 100, 20, 1)]
    [quarter] = regrouped(COLUMNS, rows, ["store"])
    assert quarter == {
        "store": "a", "visits": 200, "tickets": 38, "sales": 9.02, "sales_minor": 902, "conversion_pct": 19.0,
        "basket_minor": 24, "basket": 0.24,
    }  # fmt: skip


def test_a_ratio_over_nothing_is_null_and_halves_go_up() -> None:
    assert regrouped(COLUMNS, [row("2026-01", "a", 0, 0, 0)], [])[0]["conversion_pct"] is None
    assert regrouped(COLUMNS, [row("2026-01", "a", 800, 1, 0)], [])[0]["conversion_pct"] == 0.13
    assert regrouped(COLUMNS, [], []) == []


@pytest.mark.parametrize(("currency", "expected"), [("JPY", 3.0), ("TND", 0.003)])
def test_an_amount_counts_in_units_of_its_currency(currency: str, expected: float) -> None:
    columns = (
        Column("total", "double", "Total", currency, exact="total_minor"),
        Column("total_minor", "money", "Total", currency),
    )
    assert regrouped(columns, [{"total_minor": 1}, {"total_minor": 2}], [])[0]["total"] == expected


def test_sums_beyond_a_double_are_exact() -> None:
    rows = [row("2026-01", "a", 2**53, 1, 2**53), row("2026-01", "b", 1, 1, 1)]
    assert regrouped(COLUMNS, rows, ["month"])[0]["visits"] == 2**53 + 1


def test_what_cannot_be_regrouped_is_left_out() -> None:
    assert [column.name for column in regrouped_columns(COLUMNS, ["month"])] == [
        "month", "visits", "tickets", "sales", "sales_minor", "conversion_pct", "basket_minor", "basket",
    ]  # fmt: skip


RAW = st.lists(
    st.builds(
        row,
        st.sampled_from(["2026-01", "2026-02", "2026-03"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
        st.integers(0, 2**53),
    ),
    max_size=20,
)


@given(RAW, st.sampled_from([[], ["month"], ["store"], ["month", "store"], ["store", "month"]]))
def test_regrouping_is_computing_from_the_raw_rows(rows: list[dict[str, Any]], by: list[str]) -> None:
    """In one step, or by way of a finer grouping."""
    found = regrouped(COLUMNS, rows, by)
    assert found == regrouped(COLUMNS, regrouped(COLUMNS, rows, ["month", "store"]), by)
    assert [tuple(group[name] for name in by) for group in found] == sorted(
        {tuple(each[name] for name in by) for each in rows}
    )
    for group in found:
        own = [each for each in rows if all(each[name] == group[name] for name in by)]
        visits, tickets, minor = (sum(each[name] for each in own) for name in ("visits", "tickets", "sales_minor"))
        assert (group["visits"], group["tickets"], group["sales_minor"]) == (visits, tickets, minor)
        exact = Fraction(100 * tickets, visits) if visits else None
        assert near(group["conversion_pct"], exact)
        assert group["basket_minor"] == ((2 * minor + tickets) // (2 * tickets) if tickets else None)


def near(found: float | None, exact: Fraction | None) -> bool:
    """Half a hundredth away at most."""
    if found is None or exact is None:
        return found is exact
    hundredths = round(found * 100)
    return hundredths / 100 == found and -1 <= 2 * (100 * exact - hundredths) < 1


def test_rows_of_all_together_are_left_out() -> None:
    """But where they are asked for."""
    columns = (Column("store", "string", "Store", total="(all)"), Column("sold", "integer", "Sold"))
    rows = [{"store": "(all)", "sold": 5}, {"store": "a", "sold": 2}, {"store": "b", "sold": 3}]
    assert regrouped(columns, rows, []) == [{"sold": 5}]
    assert [row["store"] for row in regrouped(columns, rows, ["store"])] == ["(all)", "a", "b"]
