"""BSON of records that is put together from elements, in C or in Python, is that of the whole document."""

from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from zoneinfo import ZoneInfo

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimarket_async.errors import Rejected
from multimarket_async.store import Encoded, Int64, RecordEncoder, Taken, documents, encode
from tests.sanitizers import exercised_with_sanitizers
from tests.tracing import missing

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
PARIS, EAST = ZoneInfo("Europe/Paris"), timezone(timedelta(hours=5))
NUMBERS = [0, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, Int64(7), True]
INSTANTS = [
    *(
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1999),  # noqa: DTZ001
    ),
    *(datetime(2024, 2, 29, tzinfo=EAST), datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1), date(2026, 1, 1)),
]
STRINGS = ["", "a", "\u00e9", "a\0b", "\ud800", "\U0001f600", "x" * 16_000, "y" * 20_000, type("Name", (str,), {})("z")]
OTHERS = [
    None,
    False,
    1.5,
    float("nan"),
    float("-inf"),
    b"",
    [],
    {"a": {}},
    ["b", 1],
    ("b", 1),
    [[], [1, {"_id": 1, "x": Int64(3), "y": [None, AT]}], *range(120)],
    type("Several", (list,), {})([1]),
    type("Fields", (dict,), {})(a=1),
    IntEnum("E", "A").A,
    object(),
    bson.ObjectId(),
]
NAMES = st.one_of(st.sampled_from(["_id", "", "a\0b", "\ud800", "ingestion", "$a.b", 7]), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(
        st.sampled_from([*NUMBERS, *INSTANTS, *STRINGS, *OTHERS]),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.datetimes(timezones=st.sampled_from([None, UTC, PARIS, EAST])),
    ),
    lambda values: st.one_of(st.lists(values, max_size=12), st.dictionaries(NAMES, values, max_size=4)),
    max_leaves=20,
)


@pytest.mark.parametrize("number", [1, 2**31 - 1, 2**31])
@pytest.mark.parametrize("version", [None, 7, "0001", AT])
def test_a_record_is_encoded_with_its_source(number: int, version: Any) -> None:
    document = {"_id": "k", "name": "é", "empty": {}, "list": [1, None]}
    encoded = RecordEncoder("sales", "r" * 20, AT).encoded(document, number, "2026-05 ü", version)
    versioned = {} if version is None else {"version": version}
    source = {"feed": "sales", "receipt": "r" * 20, "ingested_at": AT, "record": number, "partition": "2026-05 ü"}
    assert encoded.bson.raw == bson.encode({**document, "ingestion": {**source, **versioned, "digest": encoded.sha256}})
    assert encoded.origin == ("r" * 20, number)


def outcome(document: Any, version: Any = None) -> Encoded | str:
    try:
        return RecordEncoder("sales", "r" * 20, AT).encoded(document, 5, "2026-05", version)
    except (Rejected, KeyError, TypeError) as error:
        return repr(error)


def both(document: Any) -> None:
    in_c = outcome(document)
    with mock.patch.object(documents, "_record", None):
        assert in_c == outcome(document)


@pytest.fixture(scope="module")
def c() -> Any:
    """The compiled module."""
    if documents._record is None:
        missing("needs a C compiler, and an installation by it")
    return documents._record


@settings(max_examples=400, deadline=None)
@given(VALUES, st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_document_is_encoded_alike(c: Any, key: Any, fields: dict[Any, Any]) -> None:
    both({"_id": key, **fields})
    both(fields)


def test_any_value_is_encoded_alike(c: Any) -> None:
    for value in [*NUMBERS, *INSTANTS, *STRINGS, *OTHERS]:
        both({"_id": "k", "value": value})


def test_a_document_is_encoded_alike_up_to_what_c_holds_and_beyond(c: Any) -> None:
    for size in range(15_900, 16_400):
        both({"_id": "k", "value": "x" * size})


def nested(levels: int, value: Any) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("levels", [1, 15, 16, 17, 18, 179, 181, 2_000])
def test_nested_values_are_encoded_alike_up_to_the_levels_that_c_has_and_beyond(c: Any, levels: int) -> None:
    both({"_id": "k", "value": nested(levels, AT)})
    assert bool(c.document({"value": nested(levels, 1)})) == (levels <= 16)


def encoded_or_refused(document: Any) -> Encoded | str:
    try:
        return encode(document)
    except (Rejected, KeyError, TypeError) as error:
        return repr(error)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5), st.booleans())
def test_any_document_of_a_file_of_its_own_is_encoded_alike(c: Any, fields: dict[Any, Any], keyed: bool) -> None:
    """A key that is not its first field comes to be the first."""
    document = {**({"_id": 7} if keyed else {}), "first": 1, **fields, "ingestion": {"sha256": "s", "delivery": "d"}}
    in_c = encoded_or_refused(document)
    with mock.patch.object(documents, "_record", None):
        assert in_c == encoded_or_refused(document)


def test_a_document_of_a_file_of_its_own_is_what_the_driver_makes_of_it(c: Any) -> None:
    document = {"_id": "k", "lines": [{"n": 1, "cents": Int64(5)}], "at": AT, "note": None, "x": {"y": [1.5, True]}}
    assert c.document(document) == encode(document).bson.raw == bson.encode(document)
    assert c.document({"a": 1}) == bson.encode({"a": 1})
    assert c.document({"a": 1, "_id": 2}) is None
    assert encode({"a": 1, "_id": 2}).bson.raw == bson.encode({"_id": 2, "a": 1})


def test_no_two_instants_are_taken_for_each_other(c: Any) -> None:
    """C remembers the last one."""
    for day in range(1, 28):
        both({"_id": "k", "at": datetime(2026, 5, day, tzinfo=UTC), "then": datetime(2026, 5, day)})  # noqa: DTZ001


def test_plain_documents_are_encoded_in_c(c: Any) -> None:
    """Else the tests above compare Python with itself."""
    plain = {
        "_id": "k",
        "a": 1,
        "b": 2**40,
        "c": 1.5,
        "d": None,
        "e": True,
        "f": "\u00e9",
        "g": AT,
        "h": datetime(1, 1, 1),  # noqa: DTZ001
    }
    assert c.record(plain, b"", 1, b"")


class Place(NamedTuple):
    """Stand-in of Located (feeds.py)."""

    record: Any
    line: int
    raw: Any
    head: bytes = b""


LATEST = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING = {"_id": 1, "at": LATEST}


def taken(
    records: list[Any], most: int = 1000, most_bytes: int = 1 << 20, version: str | None = None
) -> tuple[int, Any, list[Any], list[Any]]:
    into = Taken([], [], "2026-05", version, Place, "at", LATEST)
    encoder = RecordEncoder("sales", "r" * 20, AT)
    return *encoder.take(enumerate(records, start=7), into, most, most_bytes), into.documents, into.places


def test_records_are_taken_as_each_is_encoded(c: Any) -> None:
    """A place keeps its record only where it has no bytes."""
    records = [Place({"_id": f"k{n}", "n": n, "at": AT}, n, b"bytes" * (n % 2), b"head") for n in range(50)]
    size, left, documents, places = taken(records)
    encoder = RecordEncoder("sales", "r" * 20, AT)
    assert documents == [encoder.encoded(place.record, 7 + n, "2026-05") for n, place in enumerate(records)]
    assert places == [place._replace(record={}) if place.raw else place for place in records]
    assert {type(document) for document in documents} == {Encoded}
    assert {type(place) for place in places} == {Place}
    assert (size, left) == (sum(len(document.bson.raw) for document in documents), None)


def test_versions_are_those_of_the_file_and_the_number(c: Any) -> None:
    encoder = RecordEncoder("sales", "r" * 20, AT)
    expected = [encoder.encoded(NOTHING, number, "2026-05", f"v\u00e9-{number:08x}") for number in range(7, 300)]
    assert taken([Place(NOTHING, 1, b"")] * 293, version="v\u00e9")[2] == expected


@pytest.mark.parametrize(
    "odd",
    [
        *({"_id": 1}, Place(None, 1, b""), Place({"n": 1, "_id": 1}, 1, b""), (NOTHING, 1, b"", b"")),
        *(Place(dict(NOTHING, at=at), 1, b"") for at in (LATEST + timedelta(seconds=1), datetime(2026, 5, 1))),  # noqa: DTZ001
        *(Place(dict(NOTHING, at=at), 1, b"") for at in (date(2026, 5, 1), datetime(2027, 1, 1, tzinfo=PARIS), ())),
        Place(dict(NOTHING, text="x" * 20_000), 1, b""),
    ],
    ids=repr,
)
def test_a_record_that_is_not_plain_or_may_be_too_late_is_left(c: Any, odd: Any) -> None:
    plain = Place(NOTHING, 1, b"")
    size, left, documents, places = taken([plain, odd, plain])
    assert (left, len(documents), len(places)) == ((8, odd), 1, 1)
    assert size == len(documents[0].bson.raw)


def test_no_more_are_taken_than_are_asked_for(c: Any) -> None:
    records = [Place(NOTHING, 1, b"")] * 5
    [size] = {len(document.bson.raw) for document in taken(records)[2]}
    assert taken(records, most=3)[:2] == (3 * size, ())
    assert taken(records, most_bytes=2 * size)[:2] == (2 * size, ())
    assert taken(records, most_bytes=2 * size + 1)[:2] == (3 * size, ())
    assert taken(records[:3], most=3)[1] == ()


def test_a_number_beyond_32_bits_is_left(c: Any) -> None:
    into = Taken([], [], "", None, Place, "", LATEST)
    for number in (2**31 - 1, 2**31, 2**80):
        pair = (number, Place(NOTHING, 1, b""))
        left = RecordEncoder("sales", "r", AT).take(iter([pair]), into, 9, 9)[1]
        assert (left is pair) == (number > 2**31 - 1)


def test_without_a_compiler_each_record_is_left() -> None:
    with mock.patch.object(documents, "_record", None):
        assert taken([1])[:2] == (0, (7, 1))
        assert taken([])[:2] == (0, None)


EXERCISE = """
from datetime import UTC, datetime
AT = datetime(2026, 1, 1, tzinfo=UTC)
for size in (0, 1, *range(15_900, 16_500)):
    c.record({"_id": "k", "at": AT, "x": "x" * size}, b"s" * 120, 2**31 - 1, b"p" * 60)
    c.record({"_id": 1}, b"s" * size, 1, b"p")
    c.record({"_id": 1}, b"s", 1, b"p" * size)
    c.record({"_id": 1, "n" * size: 1}, b"", 1, b"")
odd = {"a": 2**63, "b\\0": 1, "\\ud800": 1, "d": "\\ud800", 5: 1, "f": [], "g": datetime(1, 1, 1), "h": -1.5}
for key, value in odd.items():
    c.record({"_id": None, key: value, "more": True}, b"", 1, b"")
for document in ({}, [], {"a": 1}, {"a": 1, "_id": 2}):
    assert c.record(document, b"", 1, b"") is None
deep = [1]
for level in range(40):
    deep = [deep, {"d": deep if level % 5 else level}][level % 2:]
    c.document({"_id": 1, "deep": deep})
for size in range(0, 6_000, 7):
    c.document({"_id": 1, "list": [1.5] * size, "x": [{"a": "y" * size}, [[]], {}]})
for odd in ({}, {"a": {1: 1}}, {"a": [object()]}, {"a": [2**63]}, {"a": [{"\\ud800": 1}]}, {"a": ["\\ud800"]}, []):
    c.document(odd)
for arguments in ((), ({}, "", 1, b""), ({}, b"", 2**31, b"")):
    try:
        c.record(*arguments)
    except (TypeError, OverflowError):
        continue
    raise AssertionError(arguments)
class Place(tuple):
    pass

def take(*pairs, raw=bytes, kind=Place, most=9, version=None):
    documents, places = [], []
    numbered = (pair for pair in pairs)
    alike = (b"", b"", "receipt", documents, places, "partition", version, kind, "at", AT)
    return c.take(*alike, raw, Place, numbered, most, 1 << 20), documents, places

plain = {"_id": 1, "at": AT}
for raw in (b"", b"raw", "text", None, 1):
    pair = (1, Place((plain, 1, raw, b"")))
    (size, left), documents, places = take(pair, pair, pair)
    assert size and left is None and len(documents) == len(places) == 3
    assert type(documents[0]) is type(places[0]) is Place and documents[0][5] == ("receipt", 1)
    assert take(pair, pair, most=1)[0][1] == ()
places = [Place((record, 1, b"", b"")) for record in (plain, {}, [], {"_id": 1, "at": datetime(2026, 1, 2)}, {"a": 1})]
places += [Place((dict(plain, x="x" * size), 1, b"", b"")) for size in (0, 15_900, 16_300, 16_384, 20_000)]
for place in (*places, None, (plain, 1, b"", b""), Place((plain,))):
    for number in (0, 1, -1, 2**31, 2**70):
        take((1, places[0]), (number, place))
def fails(*_):
    raise OSError
odd = [((1, places[0]), {"raw": fails}), (("x", places[0]), {}), ((), {}), ((1,), {})]
odd += [((1, places[0]), {"kind": 1}), ((1, places[0]), {"raw": 1})]
for version in ("", "v", "v" * 16_000, "\\u00e9", "\\ud800"):
    for number in (0, 255, 2**31 - 1, 2**31):
        take((number, places[0]), version=version)
for pair, how in odd:
    try:
        take(pair, **how)
    except (OSError, TypeError, IndexError, SystemError):
        continue
    raise AssertionError(pair)
print("done")
"""


def test_no_byte_is_touched_that_is_not_its_own(c: Any, tmp_path: Path) -> None:
    exercised_with_sanitizers(Path(documents.__file__).with_name("_record.c"), EXERCISE, tmp_path)
