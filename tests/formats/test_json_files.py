"""JSON of many records: as an array, as lines, or one after the other; with what cannot be read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from multimarket_async.errors import Rejected
from multimarket_async.feeds import RejectedRecord
from multimarket_async.formats import Json
from tests.formats.read import records, refusal, rejects, skims

ANSWER = '{"count": 2, "next": {"results": 1}, "results": [\n%s\n], "links": []}'


def test_the_same_records_are_read_in_every_form() -> None:
    expected = [{"a": 1}, {"a": "é"}]
    assert records(Json(), '[{"a": 1}, {"a": "é"}]') == expected
    assert records(Json(), '\ufeff\n[\n  {"a": 1},\n  {"a": "é"}\n]\n') == expected
    assert records(Json(), '{"a": 1}\n\n {"a": "é"} \r\n') == expected
    assert records(Json(), '{"a": 1}{"a":\n"é"}') == expected
    assert records(Json(), '{\n"a": 1\n}\n{\n"a": "é"\n}\n') == expected
    assert records(Json(at="/results"), ANSWER % '{"a": 1}, {"a": "é"}') == expected
    assert records(Json(at="/a~1b/~0"), '{"n": 2, "a/b": {"~": [{"a": 1}, {"a": "é"}]}}') == expected


def test_an_empty_array_is_a_file_without_records() -> None:
    assert records(Json(), " [ ] ") == records(Json(at="/a"), '{"a": []}') == []


@pytest.mark.parametrize("form", ["[%s]", "%s", ANSWER])
def test_a_bad_record_leaves_the_others(form: str) -> None:
    """Its faults are those of an order; every one is a reason."""
    bad = '{"a": 1, "a": NaN, "b": 99999999999999999999}'
    at = "/results" if form is ANSWER else ""
    separator = "\n" if form == "%s" else ",\n"
    found = records(Json(at=at), form % separator.join(['{"a": 1}', bad, '{"a": 3}']))
    line = 3 if form is ANSWER else 2
    codes = ["duplicate_key", "not_a_number", "integer_out_of_range"]
    assert sorted(codes) == sorted(rejects(found)[0][2])
    assert [(number, raw) for number, raw, _ in rejects(found)] == [(line, bad.encode())]
    assert [found[0], found[2]] == [{"a": 1}, {"a": 3}]


def test_a_rejected_record_is_a_file_again_behind_its_head() -> None:
    """Also where the records of a delivery lie inside an object, and one of them on several lines."""
    texts = ['{"b": {"c": NaN}}', '{\n"a": NaN,\n"b": {"c": 1}\n}', '{"a": -Infinity}']
    for at, form in (("", "[%s]"), ("/results", ANSWER)):
        found = records(Json(at=at), form % ",\n".join(texts))
        heads = {record.head for record in found if isinstance(record, RejectedRecord)}
        assert len(heads) == 1
        again = records(Json(at=at), heads.pop() + "\n".join(["", *texts, ""]).encode())
        assert [raw for _, raw, _ in rejects(again)] == [raw for _, raw, _ in rejects(found)]


def test_a_record_on_several_lines_among_lines() -> None:
    assert records(Json(), '{"a": 1}\n{\n"a": 2\n}\n{"a": 3}\n') == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_an_element_that_is_no_object_is_rejected() -> None:
    found = records(Json(), '[{"a": 1}, 12, [], "x", null]')
    assert [(raw, codes) for _, raw, codes in rejects(found)] == [
        (raw, ["not_an_object"]) for raw in (b"12", b"[]", b'"x"', b"null")
    ]


class Point(BaseModel):
    place: dict[str, float]
    name: str


def test_every_fault_that_the_maker_finds_is_a_reason() -> None:
    def make(tree: dict[str, Any]) -> dict[str, Any]:
        return Point(**tree).model_dump()

    [record] = records(Json(), '[\n\n{"place": {"lat": "north"}}]', make)
    assert isinstance(record, RejectedRecord)
    assert [(reason.code, reason.pointer, reason.line) for reason in record.reasons] == [
        ("float_parsing", "/place/lat", 3),
        ("missing", "/name", 3),
    ]


def test_a_bad_line_is_rejected_with_its_place_in_the_file() -> None:
    found = records(Json(), '{"a": 1}\n\n {"a" 2}\n{"a": 3}\n{"a": [')
    assert rejects(found) == [(3, b'{"a" 2}', ["syntax_error"]), (5, b'{"a": [', ["truncated"])]
    reasons = [reason for record in found if isinstance(record, RejectedRecord) for reason in record.reasons]
    assert reasons[0].sentence == "This is not JSON: expecting ':' delimiter, found '2', at line 3, column 7."
    assert [(reason.line, reason.column, reason.unfinished) for reason in reasons] == [(3, 7, False), (5, 8, True)]


@pytest.mark.parametrize("bad", ['{"a": 1', '{"a": "x', "{", '{"a" 1}', '{"a":' * 2000])
def test_a_bad_first_line_is_rejected_alone(bad: str) -> None:
    found = records(Json(), f'{bad}\n{{"a": 2}}\n{{"a": 3}}\n')
    assert [(line, raw) for line, raw, _ in rejects(found)] == [(1, bad.encode())]
    assert found[1:] == [{"a": 2}, {"a": 3}]


@pytest.mark.parametrize(
    ("content", "code", "place", "unfinished"),
    [
        ("", "empty_file", None, True),
        (" \n", "empty_file", None, True),
        ("[", "truncated", (1, 2), True),
        ('[{"a": 1}', "truncated", (1, 10), True),
        ('[{"a": 1},\n{"a": tr', "truncated", (2, 9), True),
        ('[{"a": "\\ud83d\\ud', "truncated", (1, 18), True),
        ('[{"a": 1}\n {"a": 2}]', "syntax_error", (2, 2), False),
        ('[{"a": 1},\n{"a" 2}, {"a": 3, "b": 4}]', "syntax_error", (2, 6), False),
        ('[{"a": 1}] x', "syntax_error", (1, 12), False),
        ('{"a": 1}\n', None, None, False),
        ('{"a": 1}{"a":\n2}, {"a": 3}', "syntax_error", (2, 3), False),
        ("hello", "syntax_error", (1, 1), False),
        ("[" * 100_000, "too_deep", (1, 2), False),
    ],
)
def test_a_file_whose_records_cannot_be_separated_is_bad_as_a_whole(
    content: str, code: str | None, place: tuple[int, int] | None, unfinished: bool
) -> None:
    if code is None:
        assert records(Json(), content) == [{"a": 1}]
        return
    rejected = refusal(Json(), content)
    assert (rejected.code, rejected.unfinished) == (code, unfinished)
    assert (rejected.line, rejected.column) == (place or (None, None))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"count": 1}', "missing_field"),
        ('{"results": null}', "syntax_error"),
        ('{"results": [], "results": []}', "duplicate_key"),
        ('{"results": []', "truncated"),
        ('{"results": [],}', "syntax_error"),
        ('{"results": []} {}', "syntax_error"),
        ("[]", "syntax_error"),
        ("{}", "missing_field"),
    ],
)
def test_an_answer_without_its_array_is_bad_as_a_whole(content: str, code: str) -> None:
    assert refusal(Json(at="/results"), content).code == code


def test_text_that_is_not_utf8_is_bad_as_a_whole() -> None:
    assert refusal(Json(), '{"a": 1}\n{"a": "é"}'.encode("cp1252")).code == "not_utf8"
    assert refusal(Json(), '{"a": 1}'.encode("utf-16")).code == "not_utf8"


OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"])), st.booleans()),
)


@given(st.lists(OBJECTS, min_size=1), st.sampled_from([None, 2]), st.booleans(), st.sampled_from(["\n", " ", ""]))
def test_objects_that_were_written_are_read(
    objects: list[dict[str, Any]], indent: int | None, escaped: bool, separator: str
) -> None:
    texts = [json.dumps(tree, indent=indent, ensure_ascii=escaped) for tree in objects]
    assert records(Json(), "[" + ",".join(texts) + "]") == objects
    assert records(Json(), separator.join(texts)) == objects
    assert records(Json(at="/x/y"), '{"x": {"z": 0, "y": [' + ",".join(texts) + "]}}") == objects


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b'"a"',
    b"1",
    b"true",
    b"NaN",
    b"\n",
    b" ",
    b'{"a": 1}',
    b"\\ud8",
]


@given(
    st.sampled_from(["", "/a", "/a/a"]),
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3))).map(b"".join),
    st.sampled_from([b"", b"[", b"{", b'{"a": [', b"\xef\xbb\xbf"]),
)
def test_no_bytes_raise_anything_but_rejected(at: str, content: bytes, start: bytes) -> None:
    content = start + content
    try:
        found = records(Json(at=at), content)
    except Rejected as rejected:
        assert rejected.sentence  # noqa: PT017 - it may also be read
        assert skims(Json(at=at), content) == rejected.sentence  # noqa: PT017
        return
    assert skims(Json(at=at), content) == len(found)
    for record in found:
        if isinstance(record, RejectedRecord):
            assert record.reasons
            assert record.raw in content


@pytest.mark.parametrize("form", ["[%s]", "%s"])
def test_records_longer_than_what_is_read_at_a_time(form: str) -> None:
    """The text is cut in between, anywhere; and with the right line for what is rejected."""
    trees = [{"number": number, "text": 'é\\"x' * (number * 997 % 40_000)} for number in range(40)]
    texts = [json.dumps(tree) for tree in trees]
    texts.insert(20, '\n\n{"a": NaN}')
    separator = "\n" if form == "%s" else ",\n"
    found = records(Json(), form % separator.join(texts))
    assert rejects(found) == [(23, b'{"a": NaN}', ["not_a_number"])]
    assert [record for record in found if isinstance(record, dict)] == trees


def test_a_value_that_never_ends_is_not_kept_in_memory() -> None:
    assert refusal(Json(), '[{"a": "' + "x" * (17 << 20)).code == "record_too_large"
