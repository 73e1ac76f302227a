"""Fields of documents as JSON, made in C or in Python: the same, and never a byte beyond the batch."""

import json
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from multimarket_async.errors import OperationFailed
from multimarket_async.store import Field, json_lines
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
ALL = [Field(name, name) for name in ("_id", "a", "b", "c", "d", "e", "f", "0")]


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


def parsed(batch: bytes, fields: Sequence[Field] = ALL) -> list[Any]:
    """The documents, of which JSON can hold infinities only by mistake."""
    text, documents = json_lines.lines(batch, fields)
    found = [json.loads(line, parse_constant=pytest.fail) for line in text.decode().split("\n")[:-1]]
    assert len(found) == documents
    return found


def both(batch: bytes, fields: Sequence[Field] = ALL) -> list[Any]:
    in_c = parsed(batch, fields)
    with mock.patch.object(json_lines, "_json", None):
        assert list(map(exact, in_c)) == list(map(exact, parsed(batch, fields)))
    return in_c


def exact(document: dict[str, Any]) -> list[str]:
    """Its values, of which 1, 1.0 and True are different ones, in any order of the fields."""
    return sorted(f"{name}: {value!r}" for name, value in document.items())


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
    [found] = either(bson.encode(given), [Field(name, name) for name in given])
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


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(DOCUMENTS, max_size=3))
def test_any_documents_are_the_same_both_ways(c: Any, documents: list[Any]) -> None:
    for found, document in zip(
        both(b"".join(bson.encode({"a": found}) for found in documents)), documents, strict=True
    ):
        assert list(found["a"]) == list(document)


PARTS = st.sampled_from(["a", "b", "0"])
TREES = st.recursive(
    st.sampled_from([1, "x", None, datetime(2026, 1, 1)]),  # noqa: DTZ001
    lambda nested: st.one_of(st.lists(nested, max_size=3), st.dictionaries(PARTS, nested, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(PARTS, TREES, max_size=3), st.lists(PARTS, min_size=1, max_size=4).map(".".join), st.booleans())
def test_a_path_leads_to_the_same_both_ways(c: Any, tree: dict[str, Any], path: str, is_instant: bool) -> None:
    both(bson.encode(tree), [Field("x", path, is_instant), Field("y", "a.b")])


@pytest.mark.parametrize(
    "path", ["a", "a.b", "a.b.c", "a.b.c.d", "a.0", "a.0.b", "n.b", "s.b", "none", "none.b", "l.b", "l.b.c", "t.b.c"]
)
async def test_a_path_leads_where_that_of_an_aggregation_does(either: Any, path: str, database: Database[Any]) -> None:
    document = {
        "_id": "1",
        "a": [{"b": {"c": 1}}, {"b": [{"c": [2, {"d": 3}]}, {}]}, {}, 7, [{"b": {"c": 4}}]],
        "n": None,
        "s": "text",
        "l": [],
        "t": {"b": {"c": [1, None]}},
    }
    database.trees.insert_one(document)
    [expected] = database.trees.aggregate([{"$project": {"_id": 0, "x": f"${path}"}}])
    assert either(bson.encode(document), [Field("x", path)]) == [expected]


def test_whether_it_is_an_instant(either: Any) -> None:
    """And not a text that looks like one."""
    values = [datetime(2026, 1, 1), bson.DatetimeMS(2**62), "2026-01-01T00:00:00.000", None]  # noqa: DTZ001
    batch = b"".join(bson.encode({"a": {"b": value}}) for value in values) + bson.encode({"a": 1})
    found = either(batch, [Field("is", "a.b", is_instant=True)])
    assert found == [{"is": True}, {"is": True}, {"is": False}, {"is": False}, {}]


def test_the_first_of_two_fields_of_a_name_counts(c: Any) -> None:
    """As in MongoDB."""
    assert parsed(document(b"\x10a\0\1\0\0\0\x10a\0\2\0\0\0")) == [{"a": 1}]


def test_a_path_may_be_taken_twice(either: Any) -> None:
    assert either(bson.encode({"a": 1}), [Field("x", "a"), Field('"y"', "a")]) == [{"x": 1, '"y"': 1}]


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_exact(c: Any, number: float) -> None:
    assert repr(both(bson.encode({"a": number}))) == repr([{"a": number}])


@pytest.mark.slow
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
        with pytest.raises(OperationFailed):
            either(whole[:size])
        with pytest.raises(OperationFailed):
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
            c.lines(batch, ((b'"a":', b"a\0", False),))


@pytest.mark.parametrize(
    ("batch", "fields"), [("text", ()), (b"", []), (b"", ((b"a", "b", False),)), (b"", ((b"a",),)), (b"", (b"a",))]
)
def test_only_bytes_are_a_batch(c: Any, batch: Any, fields: Any) -> None:
    with pytest.raises((TypeError, IndexError, SystemError)):
        c.lines(batch, fields)


def test_there_may_be_so_many_fields(c: Any) -> None:
    assert len(both(bson.encode({"a": 1}), [Field(str(number), "a") for number in range(256)])[0]) == 256
    with pytest.raises(ValueError, match="256"):
        c.lines(b"", ((b"a", b"a\0", False),) * 257)


EXERCISE = """
import random, struct
import bson
from datetime import datetime
draw = random.Random(1)
values = ["text \\u20ac\\U0001f600\\"\\n", 1, 2**40, -1.5, 0.1, float("nan"), True, None, datetime(2026, 1, 1), b"x",
          bson.ObjectId(), bson.Decimal128("1"), bson.Regex("a", "i"), bson.Code("f", {"a": 1}), bson.Code("f"),
          [1, [2]], bson.Timestamp(1, 2), bson.DatetimeMS(2**62), bson.DatetimeMS(-2**63), -2**63, bson.MinKey(),
          {"a": {}}]
whole = b"".join(bson.encode({"_id": "k", "v": value, "w": [value, {"v": {"x": value}}]}) for value in values)
fields = tuple((b'"%s":' % path, path.replace(b".", b"\\0") + b"\\0", path == b"v")
               for path in (b"_id", b"v", b"w", b"a", b"w.v", b"w.v.x", b"v.a", b"w.v.x.a"))

def tried(batch):
    try:
        c.lines(batch, fields)
    except ValueError:
        pass

assert c.lines(b"", fields) == b""
assert c.lines(whole, fields).count(b"\\n") == len(values)
assert len(c.lines(bson.encode({"a": "\\0" * 50_000}), fields)) > 300_000
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
        c.lines(struct.pack("<i", size + 13) + b"\\2a\\0" + struct.pack("<i", size + 1) + text + b"\\0\\0", fields)
nested = bson.encode({})
for depth in range(5_000):
    nested = struct.pack("<i", len(nested) + 8) + b"\\3a\\0" + nested + b"\\0"
c.lines(nested, fields)
print("done")
"""


@pytest.mark.slow
def test_no_byte_is_touched_that_is_not_its_own(tmp_path: Path) -> None:
    exercised_with_sanitizers(Path(json_lines.__file__).with_name("_json.c"), EXERCISE, tmp_path)
