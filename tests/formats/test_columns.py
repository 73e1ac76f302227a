"""Values of each type of column: what each text means, and what is no value of the type."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.formats import Boolean, Column, Date, Instant, Integer, Money, Number, Text

PARIS = ZoneInfo("Europe/Paris")
POINT, COMMA = ".", ","


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("column", "convention", "text", "value"),
    [
        (Text("a"), "", " é\t", "é"),
        (Text("a"), "", "two\nlines", "two\nlines"),
        (Integer("a"), POINT, "12", 12),
        (Integer("a"), POINT, " 12 ", 12),
        (Integer("a"), POINT, "+5", 5),
        (Integer("a"), POINT, "-5", -5),
        (Integer("a"), POINT, "007", 7),
        (Integer("a"), POINT, "0" * 5000, 0),
        (Integer("a"), POINT, "12.00", 12),
        (Integer("a"), POINT, "1,234", 1234),
        (Integer("a"), COMMA, "1.234", 1234),
        (Integer("a"), COMMA, "1 234", 1234),
        (Integer("a"), COMMA, "1\u202f234\u202f567", 1234567),
        (Integer("a"), POINT, "9007199254740993", 9007199254740993),
        (Integer("a"), POINT, "9007199254740993.0", 9007199254740993),
        (Integer("a"), POINT, "-9223372036854775808", -(2**63)),
        (Number("a"), POINT, "1e3", 1000.0),
        (Number("a"), POINT, "-79.995886", -79.995886),
        (Number("a"), COMMA, "-79,995886", -79.995886),
        (Number("a"), COMMA, "1.234,56", 1234.56),
        (Number("a"), POINT, "1,234.56", 1234.56),
        (Number("a"), COMMA, "1\u2009234,56", 1234.56),
        (Number("a"), POINT, "1'234'567.5", 1234567.5),
        (Number("a"), POINT, "+5", 5.0),
        (Number("a"), POINT, ".5", 0.5),
        (Money("a"), POINT, "12790", 1279000),
        (Money("a"), POINT, "2.55", 255),
        (Money("a"), POINT, "2.5", 250),
        (Money("a"), POINT, "-0.50", -50),
        (Money("a"), POINT, "2.5500", 255),
        (Money("a"), COMMA, "1.234,56", 123456),
        (Money("a", exponent=0), POINT, "1,234", 1234),
        (Money("a", exponent=3), COMMA, "1,234", 1234),
        (Boolean("a"), "", "YES", True),
        (Boolean("a", true=("oui",), false=("non",)), "", "Non", False),
        (Date("a"), "mdy", "1/7/2011", date(2011, 1, 7)),
        (Date("a"), "dmy", "1.7.2011", date(2011, 7, 1)),
        (Date("a"), "ymd", "2011-01-07", date(2011, 1, 7)),
        (Date("a", starts_in=PARIS), "ymd", "2026-07-01", at(2026, 6, 30, 22)),
        (Instant("a"), "ymd", "2026-03-28 08:26:00", at(2026, 3, 28, 8, 26)),
        (Instant("a"), "ymd", "2026-03-28T08:26:00.1239+01:00", datetime(2026, 3, 28, 7, 26, 0, 123000, UTC)),
        (Instant("a"), "ymd", "2026-03-28 08:26:00 +0100", at(2026, 3, 28, 7, 26)),
        (Instant("a"), "ymd", "2026-03-28T08:26Z", at(2026, 3, 28, 8, 26)),
        (Instant("a", zone=PARIS), "mdy", "7/1/2026 8:26", at(2026, 7, 1, 6, 26)),
    ],
)
def test_a_text_has_one_value(column: Column, convention: str, text: str, value: Any) -> None:
    """Of the column's type exactly: no whole number is a float on its way."""
    found = column.parser(convention)(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("column", "convention", "text", "code"),
    [
        (Text("a"), "", " ", "missing_value"),
        (Text("a"), "", "a\0b", "nul_character"),
        (Integer("a"), POINT, "", "missing_value"),
        (Integer("a"), POINT, "1e3", "not_an_integer"),
        (Integer("a"), POINT, "1.5", "not_an_integer"),
        (Integer("a"), POINT, "1.234", "not_an_integer"),
        (Integer("a"), POINT, "1_000", "not_an_integer"),
        (Integer("a"), POINT, "12,34", "not_an_integer"),
        (Integer("a"), POINT, "1,234 567", "not_an_integer"),
        (Integer("a"), POINT, "١٢", "not_an_integer"),
        (Integer("a"), POINT, "²", "not_an_integer"),
        (Integer("a"), POINT, "- 5", "not_an_integer"),
        (Integer("a"), POINT, "9223372036854775808", "integer_out_of_range"),
        (Integer("a"), POINT, "9" * 5000, "integer_out_of_range"),
        (Number("a"), POINT, "nan", "not_a_number"),
        (Number("a"), POINT, "Infinity", "not_a_number"),
        (Number("a"), POINT, "1e999", "not_a_number"),
        (Number("a"), POINT, "1_0", "not_a_number"),
        (Number("a"), POINT, "1,5", "not_a_number"),
        (Number("a"), COMMA, "1.5", "not_a_number"),
        (Number("a"), COMMA, "1,2,3", "not_a_number"),
        (Number("a"), POINT, "5 €", "not_a_number"),
        (Money("a"), POINT, "2.555", "not_an_amount"),
        (Money("a"), POINT, "1e3", "not_an_amount"),
        (Money("a"), POINT, "99999999999999999999", "integer_out_of_range"),
        (Boolean("a"), "", "maybe", "not_a_boolean"),
        (Date("a"), "mdy", "13/1/2011", "bad_date"),
        (Date("a"), "mdy", "2011-01-07", "bad_date"),
        (Date("a"), "dmy", "29/2/2011", "bad_date"),
        (Date("a"), "dmy", "1/7/11", "bad_date"),
        (Date("a"), "dmy", "1/7-2011", "bad_date"),
        (Date("a"), "ymd", "20110107", "bad_date"),
        (Date("a"), "ymd", "2011-W01-5", "bad_date"),
        (Date("a"), "ymd", "2011-+1-07", "bad_date"),
        (Date("a"), "ymd", "0000-01-01", "bad_date"),
        (Date("a", starts_in=PARIS), "ymd", "0001-01-01", "bad_date"),
        (Instant("a"), "ymd", "2026-03-28", "bad_date"),
        (Instant("a"), "ymd", "2026-03-28 25:00", "bad_date"),
        (Instant("a"), "ymd", "2026-03-28 :", "bad_date"),
    ],
)
def test_a_text_that_is_no_value_is_rejected(column: Column, convention: str, text: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        column.parser(convention)(text)
    assert caught.value.code == code


@pytest.mark.parametrize("column", [Text("a", nullable=True), Integer("a", nullable=True), Date("a", nullable=True)])
def test_a_missing_value_is_none_where_that_is_declared(column: Column) -> None:
    assert column.parser("ymd" if isinstance(column, Date) else ".")("  ") is None
