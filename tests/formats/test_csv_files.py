"""CSV files: a record for each row, and every reason why one is not stored."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from multimarket_async.errors import Rejected
from multimarket_async.feeds import FollowUp, RejectedRecord
from multimarket_async.formats import Boolean, Csv, Date, Integer, Json, Money, Number, Text
from tests.formats.read import records, refusal, rejects, skims

LINES = Csv(
    {
        "order.id": Integer("order_id"),
        "order.date": Date("ordered_on"),
        "price": Money("price"),
        "model": Text("model"),
    },
    delimiter=";",
    decimal=",",
    dates="mdy",
)
HEAD = "order.id;order.date;price;model\n"
PAIR = Csv({"id": Integer("id"), "note": Text("note")})


def test_rows_are_read_by_their_headers() -> None:
    """A mark at the start, an unnamed first column, and another order of the columns change nothing."""
    content = "\ufeff;order.id;price;order.date;model\r\n1;7;12,50;1/13/2011;Slate 105\r\n"
    expected = {"order_id": 7, "ordered_on": date(2011, 1, 13), "price": 1250, "model": "Slate 105"}
    assert records(LINES, content) == [expected]


def test_an_unnamed_column_can_be_declared() -> None:
    assert records(Csv({"": Integer("row"), "a": Integer("a")}), ",a\n1,2\n") == [{"row": 1, "a": 2}]


def test_blanks_behind_the_delimiter_are_no_part_of_a_value() -> None:
    content = 'Key, Name, Owner\n1, "Roe, Ada", Yes\n'
    form = Csv({"Key": Integer("key"), "Name": Text("name"), "Owner": Boolean("owner")})
    assert records(form, content) == [{"key": 1, "name": "Roe, Ada", "owner": True}]


def test_other_columns_are_kept_under_their_headers() -> None:
    form = Csv({"a": Integer("a")}, other_columns="keep")
    assert records(form, "a,b,,c\n1, x ,2,\n") == [{"a": 1, "b": "x", "c": None}]


def test_every_fault_of_a_row_is_a_reason() -> None:
    """Each with its column, and a line that is a file again behind the header."""
    [record] = records(LINES, HEAD + "\n;13/1/2011;1.5;\r\n")
    assert isinstance(record, RejectedRecord)
    assert [(reason.code, reason.pointer, reason.line) for reason in record.reasons] == [
        ("missing_value", "/order.id", 3),
        ("bad_date", "/order.date", 3),
        ("not_an_amount", "/price", 3),
        ("missing_value", "/model", 3),
    ]
    assert record.reasons[1].sentence == "order.date: '13/1/2011' is not a date in the order mdy."
    assert (record.line, record.raw, record.head) == (3, b";13/1/2011;1.5;", HEAD.encode())
    assert rejects(records(LINES, record.head + record.raw)) == [(2, record.raw, [r.code for r in record.reasons])]


class Line(BaseModel):
    order_id: int = Field(gt=10)
    model: str = Field(max_length=3)


def test_every_fault_that_the_maker_finds_is_a_reason() -> None:
    def make(row: dict[str, Any]) -> dict[str, Any]:
        return Line(**row).model_dump()

    [record] = records(LINES, HEAD + "7;1/13/2011;1,50;Slate\n", make)
    assert isinstance(record, RejectedRecord)
    assert [(reason.code, reason.pointer) for reason in record.reasons] == [
        ("greater_than", "/order.id"),
        ("string_too_long", "/model"),
    ]
    assert record.reasons[0].sentence == "order_id: Input should be greater than 10."


def test_the_maker_may_reject_a_row() -> None:
    def make(row: dict[str, Any]) -> dict[str, Any]:
        if row["id"] == 2:
            raise Rejected("unknown_note", "It is unknown.", "/note")
        return row

    found = records(PAIR, "id,note\n1,a\n2,b\n3,c\n", make)
    assert rejects(found) == [(3, b"2,b", ["unknown_note"])]
    assert [found[0], found[2]] == [{"id": 1, "note": "a"}, {"id": 3, "note": "c"}]


def test_the_maker_may_make_follow_ups() -> None:
    [found] = records(PAIR, "id,note\n1,a\n", lambda row: FollowUp(str(row["id"]), row))
    assert found == FollowUp("1", {"id": 1, "note": "a"})


@pytest.mark.parametrize(("form", "content"), [(PAIR, "id,note\n1,a\n2,b\n"), (Json(), '{"id": 1}\n{"id": 2}\n')])
def test_a_mistake_of_the_maker_rejects_the_record(form: Csv | Json, content: str) -> None:
    def make(row: dict[str, Any]) -> dict[str, Any]:
        return {1: row}[row["id"]]

    good, bad = records(form, content, make)
    assert isinstance(good, dict)
    assert isinstance(bad, RejectedRecord)
    assert bad.reasons[0].code == "parser_failed"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1", "wrong_field_count"),
        (b"1,a,b", "wrong_field_count"),
        (b'1,"a"b', "bad_quoting"),
        (b'1,"a', "unclosed_quote"),
        (b"1,a\0b", "nul_character"),
        (b"\0" * 50, "wrong_field_count"),
        (b"1," + b"x" * 140_000, "field_too_long"),
    ],
)
def test_a_line_that_is_no_row_is_rejected_alone(line: bytes, code: str) -> None:
    found = records(PAIR, b"id,note\n7,a\n" + line + b"\n\n   \n8,b\n")
    assert rejects(found) == [(3, line, [code])]
    assert [found[0], found[2]] == [{"id": 7, "note": "a"}, {"id": 8, "note": "b"}]


def test_a_quoted_value_may_have_several_lines() -> None:
    """Line numbers are those of an editor, and the bytes are all lines of the record."""
    found = records(PAIR, 'id,note\r\n1,"a\r\nb"\r\nx,"c\r\n\r\nd"\r\ny,e\r\n')
    assert found[0] == {"id": 1, "note": "a\r\nb"}
    assert rejects(found) == [(4, b'x,"c\r\n\r\nd"', ["not_an_integer"]), (7, b"y,e", ["not_an_integer"])]


@pytest.mark.parametrize("rest", ["3,c\n", '3,"c"\n', '3,"c, d"\n4,"e"\n', '3,";"\n', "3,c\n" * 5000])
def test_a_quote_that_is_never_closed_costs_one_line(rest: str) -> None:
    """The lines behind it are read, however far away the next quote is."""
    found = records(PAIR, 'id,note\n1,a\n2,"b\n' + rest)
    assert rejects(found) == [(3, b'2,"b', ["unclosed_quote"])]
    assert len(found) == 2 + rest.count("\n")


def test_quotes_that_are_never_closed_again_and_again_end_the_file() -> None:
    """Reading the lines behind each of them again is work without end."""
    assert refusal(PAIR, "id,note\n" + 'a","b\n' * 50_000).code == "unclosed_quote"


def test_a_last_line_without_an_end_could_still_be_completed() -> None:
    first, second = records(PAIR, "id,note\nx,a\n2")
    assert isinstance(first, RejectedRecord)
    assert isinstance(second, RejectedRecord)
    assert [first.reasons[0].unfinished, second.reasons[0].unfinished] == [False, True]


@pytest.mark.parametrize(
    ("content", "code", "unfinished"),
    [
        (b"", "empty_file", True),
        (b"\n\n", "empty_file", True),
        (b"id,no", "missing_column", True),
        (b"id,no\n", "missing_column", False),
        (b"id,note,id\n", "duplicate_column", False),
        (b'id,"note"x\n', "bad_quoting", False),
        (b"id,note\n1,\xe9\n", "not_utf8", False),
        (b"id,note\n1,\xc3", "not_utf8", True),
        ("id,note\n".encode("utf-16-le"), "wrong_encoding", False),
        (b"id,note\n1," + b"x" * 1_200_000, "line_too_long", False),
    ],
)
def test_a_file_is_bad_as_a_whole(content: bytes, code: str, unfinished: bool) -> None:
    rejected = refusal(PAIR, content)
    assert (rejected.code, rejected.unfinished) == (code, unfinished)


def test_all_missing_columns_are_named_and_those_that_are_there() -> None:
    rejected = refusal(LINES, "order.id,model\n1,a\n")
    assert rejected.sentence == (
        "The header lacks 'order.id', 'order.date', 'price', 'model'; it has 'order.id,model'."
    )


def test_a_header_alone_is_a_file_without_records() -> None:
    assert records(PAIR, "id,note") == []


def test_the_line_of_a_wrong_byte_is_named() -> None:
    content = b"id,note\n" + b"1,abcdefgh\n" * 30_000 + b"1,\xff\n"
    assert refusal(PAIR, content).line == 30_002


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_line_ends(encoding: str, end: str) -> None:
    """The bytes of a rejected line, behind its header, are a file in the same encoding."""
    form = Csv(PAIR.columns, encoding="cp1252" if encoding == "cp1252" else "utf-8")
    content = end.join(["id,note", "1,é", "x,à", "2,ü", ""]).encode(encoding)
    found = records(form, content)
    assert found[::2] == [{"id": 1, "note": "é"}, {"id": 2, "note": "ü"}]
    assert isinstance(found[1], RejectedRecord)
    assert found[1].line == 3
    assert rejects(records(form, found[1].head + found[1].raw)) == [(2, found[1].raw, ["not_an_integer"])]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(str.strip).filter(bool)


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXTS)), st.sampled_from(",;\t|"), st.booleans())
def test_rows_that_were_written_are_read(rows: list[tuple[int, str]], delimiter: str, quoted: bool) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([("id", "note"), *rows])
    form = Csv(PAIR.columns, delimiter=delimiter)
    assert records(form, text.getvalue()) == [{"id": number, "note": note} for number, note in rows]


ANY_FORM = st.builds(
    Csv,
    st.just({"a": Integer("a"), "b": Date("b"), "c": Number("c", nullable=True), "d": Text("d")}),
    delimiter=st.sampled_from([None, ",", ";"]),
    encoding=st.sampled_from([None, "utf-8", "cp1252", "utf-16"]),
    fallback_encoding=st.sampled_from([None, "cp1252"]),
    decimal=st.sampled_from([None, ",", "."]),
    dates=st.sampled_from([None, "ymd", "mdy"]),
    other_columns=st.sampled_from(["ignore", "keep"]),
)
PIECES = [
    b"1",
    b",",
    b";",
    b"\n",
    b"\r",
    b'"',
    b"\0",
    b"\xff",
    b"1/2/2011",
    b"13/1/2011",
    b"1,5",
    b"1.234",
    b" ",
    b"\xc3\xa9",
]


@given(ANY_FORM, st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))).map(b"".join), st.booleans())
def test_no_bytes_raise_anything_but_rejected(form: Csv, content: bytes, with_header: bool) -> None:
    """And each rejected record has a line of the file, and reasons."""
    content = (b"a,b,c,d\n" if with_header else b"") + content
    try:
        found = records(form, content)
    except Rejected as rejected:
        assert rejected.sentence  # noqa: PT017 - it may also be read
        assert skims(form, content) == rejected.sentence  # noqa: PT017
        return
    assert skims(form, content) == len(found)
    for record in found:
        if isinstance(record, RejectedRecord):
            assert record.reasons
            assert record.raw in content
