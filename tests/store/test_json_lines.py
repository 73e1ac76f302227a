"""Documents as JSON, one a line, made in C or in Python: the same, and never a byte beyond the batch."""

import json
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import bson
import pytest
from bson.errors import InvalidBSON
from hypothesis import given, settings
from hypothesis import strategies as st

from multimarket_async.store import json_lines
from tests.sanitizers import exercised_with_sanitizers
from tests.tracing import missing

INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
SCALARS = st.one_of(
    st.sampled_from([None, True, False, bson.Binary(b"x", 5), bson.Regex("a", "i"), bson.Code("f"), bson.MinKey()]),
    st.sampled_from([bson.MaxKey(), bson.Timestamp(1, 2), bson.Decimal128("1.5"), bson.Code("f", {"a": 1})]),
    st.sampled_from([0, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63), 0.0, -0.0, 0.1, 1e15, 1e16, 5e-324]),
    INT64,
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(min_size=12, max_size=12).map(bson.ObjectId),
    st.datetimes(),
    INT64.map(bson.DatetimeMS),
)
VALUES = st.recursive(
    SCALARS, lambda nested: st.one_of(st.lists(nested, max_size=4), st.dictionaries(NAMES, nested, max_size=4))
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)
NULL = b"\x0aa\x00"


@pytest.fixture(scope="module")
def c() -> Any:
    """The compiled module."""
    if json_lines._json is None:
        missing("needs a C compiler, and an installation by it")
    return json_lines._json


@pytest.fixture(params=["C", "Python"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same in both ways."""
    if request.param == "C":
        return request.getfixturevalue("c") and parsed
    monkeypatch.setattr(json_lines, "_json", None)
    return parsed


def parsed(batch: bytes) -> list[Any]:
    """The documents, of which JSON can hold infinities only by mistake."""
    text, documents = json_lines.lines(batch)
    found = [json.loads(line, parse_constant=pytest.fail) for line in text.decode().split("\n")[:-1]]
    assert len(found) == documents
    return found


def both(batch: bytes) -> list[Any]:
    in_c = parsed(batch)
    with mock.patch.object(json_lines, "_json", None):
        assert repr(in_c) == repr(parsed(batch))  # 1 == 1.0 == True
    return in_c


def document(elements: bytes, *, length: int | None = None, end: bytes = b"\0") -> bytes:
    """BSON of elements, with a length that may be another one."""
    return struct.pack("<i", len(elements) + 5 if length is None else length) + elements + end


def test_each_type_has_its_text(either: Any) -> None:
    given = {
        "_id": bson.ObjectId("0123456789abcdef01234567"),
        "text": 'a"\\\b\n\x1f\x7f é€😀',
        "numbers": [1, -(2**31), 2**40, -(2**63), 0.1, 1.0, -1e300],
        "none": [None, float("nan"), float("inf"), float("-inf")],
        "of": {"at": datetime(2026, 5, 1, 12, 30, 59, 7000), "yes": True, "no": False},  # noqa: DTZ001
        "far": [bson.DatetimeMS(-62135596800001), bson.DatetimeMS(253402300800000)],
        "others": [b"x", bson.Decimal128("1"), bson.Regex("a"), bson.Timestamp(1, 1), bson.Code("f"), bson.MinKey()],
        "empty": [{}, [], ""],
    }
    [found] = either(bson.encode(given))
    assert found == {
        **given,
        "_id": "0123456789abcdef01234567",
        "none": [None] * 4,
        "of": {"at": "2026-05-01T12:30:59.007", "yes": True, "no": False},
        "far": [-62135596800001, 253402300800000],
        "others": [None] * 6,
    }
    assert list(map(type, found["numbers"])) == [int, int, int, int, float, float, float]


def test_a_batch_is_of_any_size(either: Any) -> None:
    assert either(b"") == []
    assert either(bson.encode({}) * 3) == [{}, {}, {}]
    assert either(bson.encode({"a": "\0" * 100_000})) == [{"a": "\0" * 100_000}]


@settings(max_examples=300, deadline=None)
@given(st.lists(DOCUMENTS, max_size=3))
def test_any_documents_are_the_same_both_ways(c: Any, documents: list[Any]) -> None:
    both(b"".join(map(bson.encode, documents)))


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_exact(c: Any, number: float) -> None:
    assert repr(both(bson.encode({"a": number}))) == repr([{"a": number}])


def test_every_day_has_its_date(c: Any) -> None:
    """Every fifth one, at another time; with the first and the last."""
    days = [*range(0, 3_652_059, 5), 3_652_058]
    moments = [datetime(1, 1, 1) + timedelta(day, 0, 0, day * 23 % 86_400_000) for day in days]  # noqa: DTZ001
    batch = b"".join(bson.encode({"a": moment}) for moment in moments)
    assert [found["a"] for found in parsed(batch)] == [moment.isoformat(timespec="milliseconds") for moment in moments]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12))
def test_broken_text_is_replaced_as_python_does(c: Any, text: bytes) -> None:
    batch = document(b"\x02a\0" + struct.pack("<i", len(text) + 1) + text + b"\0")
    assert both(batch) == [{"a": text.decode(errors="replace")}]


def test_a_reference_of_a_driver_is_a_document(either: Any) -> None:
    """Whatever it refers to."""
    assert either(bson.encode({"a": {"$ref": 7, "$id": 1}})) == [{"a": {"$ref": 7, "$id": 1}}]


@pytest.mark.parametrize("kind", [b"\x03", b"\x04"])
def test_what_is_nested_too_deep_is_null(c: Any, kind: bytes) -> None:
    for depth in (199, 200, 201, 202, 220):
        batch = document(b"")
        for _ in range(depth):
            batch = document(kind + b"0\0" + batch)
        [found] = both(batch)
        inner, levels = found, 0
        while inner:
            inner, levels = inner["0"] if isinstance(inner, dict) else inner[0], levels + 1
        assert (levels, inner is None) == (min(depth, 201), depth > 200)


def test_a_batch_that_ends_early_is_refused(either: Any) -> None:
    """At any byte."""
    whole = bson.encode({"a": "text", "b": [1, {"c": 2.5}], "d": b"x", "e": bson.Regex("r"), "f": bson.Code("g", {})})
    for size in range(1, len(whole)):
        with pytest.raises(InvalidBSON):
            either(whole[:size])
        with pytest.raises(InvalidBSON):
            either(whole + whole[:size])


def lying() -> Iterator[bytes]:
    for length in (-(2**31), -1, 0, 1, 4, 5, 7, 9, 2**31 - 1):
        yield document(NULL, length=length)
        yield document(b"\x03a\0" + document(NULL, length=length))
        yield document(b"\x04a\0" + document(NULL, length=length))
        yield document(b"\x02a\0" + struct.pack("<i", length) + b"b\0")
        yield document(b"\x05a\0" + struct.pack("<i", length) + b"\0b")
    yield document(NULL, end=b"\1")
    yield document(b"\x03a\0" + document(NULL, end=b"\1"))
    yield document(b"\x02a\0" + struct.pack("<i", 2) + b"bb")
    yield document(b"\x20a\0")  # no such type
    yield document(b"\x0aa")  # a name without an end
    yield document(b"\x10a\0\0\0\0")  # three bytes of four


def test_a_wrong_length_is_refused(c: Any) -> None:
    for batch in lying():
        if batch[4:5] == b"\x05" and struct.unpack("<i", batch[7:11])[0] in {0, 1}:
            continue  # these are right, or what follows is
        with pytest.raises(ValueError, match="BSON"):
            c.lines(batch)


def test_only_bytes_are_a_batch(c: Any) -> None:
    with pytest.raises(TypeError):
        c.lines("text")


EXERCISE = """
import random, struct
import bson
from datetime import datetime
draw = random.Random(1)
values = ["text \\u20ac\\U0001f600\\"\\n", 1, 2**40, -1.5, 0.1, float("nan"), True, None, datetime(2026, 1, 1), b"x",
          bson.ObjectId(), bson.Decimal128("1"), bson.Regex("a", "i"), bson.Code("f", {"a": 1}), bson.Code("f"),
          [1, [2]], bson.Timestamp(1, 2), bson.DatetimeMS(2**62), bson.DatetimeMS(-2**63), -2**63, bson.MinKey(),
          {"a": {}}]
whole = b"".join(bson.encode({"_id": "k", "v": value, "w": [value]}) for value in values)

def tried(batch):
    try:
        c.lines(batch)
    except ValueError:
        pass

assert c.lines(b"") == b""
assert c.lines(whole).count(b"\\n") == len(values)
assert len(c.lines(bson.encode({"a": "\\0" * 50_000}))) > 300_000
for size in range(len(whole)):
    tried(whole[:size])
for at in range(len(whole)):
    for byte in (0, 1, 2, 3, 4, 5, 7, 12, 13, 15, 127, 128, 255):
        tried(whole[:at] + bytes([byte]) + whole[at + 1:])
    for length in (-2**31, -1, 0, 4, 5, 2**31 - 1):
        tried(whole[:at] + struct.pack("<i", length) + whole[at + 4:])
for _ in range(5_000):
    tried(struct.pack("<i", 60) + draw.randbytes(55) + b"\\0")
odd = (0, 34, 92, 65, 0x80, 0xBF, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 255)
for size in range(1, 6):
    for _ in range(2_000):
        text = bytes(draw.choices(odd, k=size))
        c.lines(struct.pack("<i", size + 13) + b"\\2a\\0" + struct.pack("<i", size + 1) + text + b"\\0\\0")
nested = bson.encode({})
for depth in range(5_000):
    nested = struct.pack("<i", len(nested) + 8) + b"\\3a\\0" + nested + b"\\0"
c.lines(nested)
print("done")
"""


def test_no_byte_is_touched_that_is_not_its_own(tmp_path: Path) -> None:
    exercised_with_sanitizers(Path(json_lines.__file__).with_name("_json.c"), EXERCISE, tmp_path)
