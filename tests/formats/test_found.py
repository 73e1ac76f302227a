"""Conventions that are not declared: decided by the whole file or column, or not at all."""

import pytest
from structlog.testing import capture_logs

from multimarket_async.feeds import RejectedRecord
from multimarket_async.formats import Column, Csv, Date, Integer, Money, Number
from tests.formats.read import records, refusal, rejects


def column(kind: Column, values: list[str]) -> tuple[Csv, str]:
    """A form with one column whose convention is not declared, and a file of these values."""
    form = Csv({"n": Integer("n", decimal="."), "v": kind}, delimiter=";", decimal=None, dates=None)
    return form, "n;v\n" + "".join(f"{number};{value}\n" for number, value in enumerate(values))


def values(kind: Column, texts: list[str]) -> list[object]:
    found = records(*column(kind, texts))
    return [record["v"] for record in found if isinstance(record, dict)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,234", "2,5"], [1.234, 2.5]),
        (["1,234", "2.5"], [1234.0, 2.5]),
        (["1.234", "1.234,5"], [1234.0, 1234.5]),
        (["1,234", "0,125"], [1.234, 0.125]),
        (["1,234", "1,234,567"], [1234.0, 1234567.0]),
        (["12", "7"], [12.0, 7.0]),
        ([], []),
    ],
)
def test_the_column_decides_about_its_decimal_mark(texts: list[str], expected: list[float]) -> None:
    assert values(Number("v"), texts) == expected


def test_a_whole_number_has_no_decimals_so_its_marks_part_groups() -> None:
    assert values(Integer("v"), ["1.234"]) == [1234]
    assert values(Money("v"), ["1.234"]) == [123400]


def test_a_column_that_fits_both_marks_is_ambiguous() -> None:
    rejected = refusal(*column(Number("v"), ["1,234", "12"]))
    assert (rejected.code, rejected.pointer) == ("ambiguous_decimal", "/v")
    assert rejected.sentence == (
        "v: '1,234' can be read in two ways, and no other value decides; declare the column's decimal."
    )


def test_a_value_against_its_column_is_a_rejected_record() -> None:
    """The few are wrong, as no value can be read in two ways."""
    assert rejects(records(*column(Number("v"), ["1,5", "2,5", "3.75"]))) == [(4, b"2;3.75", ["not_a_number"])]


@pytest.mark.parametrize("texts", [["1,5", "2.5"], ["1,5", "2,5", "2.5", "1,234"]])
def test_values_that_contradict_each_other_and_leave_a_doubt_reject_the_file(texts: list[str]) -> None:
    assert refusal(*column(Number("v"), texts)).code == "mixed_decimal"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1/7/2011", "1/13/2011"], ["2011-01-07", "2011-01-13"]),
        (["1/7/2011", "13/1/2011"], ["2011-07-01", "2011-01-13"]),
        (["2011/1/7"], ["2011-01-07"]),
        (["3/3/2011"], ["2011-03-03"]),
        ([], []),
    ],
)
def test_the_column_decides_about_its_order(texts: list[str], expected: list[str]) -> None:
    assert [str(day) for day in values(Date("v"), texts)] == expected


def test_what_is_no_date_decides_nothing() -> None:
    found = records(*column(Date("v"), ["1/7/2011", "32/32/2011", "1/13/2011", ""]))
    assert [record.line for record in found if isinstance(record, RejectedRecord)] == [3, 5]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["1/7/2011", "2/7/2011"], "ambiguous_dates"),
        (["13/1/2011", "1/13/2011", "1/14/2011"], "mixed_date_order"),
        (["2011-01-07", "1/7/2011"], "mixed_date_order"),
    ],
)
def test_dates_that_leave_a_doubt_reject_the_file(texts: list[str], code: str) -> None:
    assert refusal(*column(Date("v"), texts)).code == code


def test_two_columns_may_differ() -> None:
    form = Csv({"a": Date("a"), "b": Date("b")}, dates=None)
    [row, *_] = records(form, "a,b\n1/2/2011,1/2/2011\n13/1/2011,1/13/2011\n")
    assert [str(day) for day in row.values()] == ["2011-02-01", "2011-01-02"]  # type: ignore[union-attr]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_decides_about_the_delimiter(delimiter: str) -> None:
    form = Csv({"a": Integer("a"), "b": Number("b")}, delimiter=None, decimal=None)
    lines = [["a", "b", "c, d; e"], ["1", '"2,5"', "x, y; z"]]
    content = "\n".join(delimiter.join(line if delimiter not in ",;" else line[:2]) for line in lines)
    assert records(form, content) == [{"a": 1, "b": 2.5}]


def test_an_encoding_that_is_not_declared_is_utf8_or_the_fallback() -> None:
    form = Csv({"é": Integer("v")}, encoding=None, fallback_encoding="cp1252")
    assert records(form, "é\n1\n") == records(form, "é\n1\n".encode("cp1252")) == [{"v": 1}]
    assert refusal(Csv({"é": Integer("v")}, encoding=None), "é\n1\n".encode("cp1252")).code == "not_utf8"


def test_a_byte_late_in_the_file_decides_about_its_encoding() -> None:
    form = Csv({"v": Integer("v")}, encoding=None, fallback_encoding="cp1252")
    found = records(form, b"v\n" + b"1\n" * 200_000 + b"\xe9\n")
    assert rejects(found) == [(200_002, b"\xe9", ["not_an_integer"])]


def test_what_is_found_is_logged_once() -> None:
    form = Csv({"a": Date("a"), "b": Number("b")}, delimiter=None, encoding=None, decimal=None, dates=None)
    with capture_logs() as logs:
        records(form, "a;b\n1/13/2011;1,5\n")
        records(Csv({"a": Integer("a")}), "a\n1\n")
    assert logs == [
        {
            "event": "format.found",
            "log_level": "info",
            "feed": "lines",
            "file": "lines.csv",
            "encoding": "utf-8",
            "delimiter": ";",
            "columns": {"a": "mdy", "b": ","},
        }
    ]
