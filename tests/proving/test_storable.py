"""Records that a domain may give, and those that no table can store."""

from typing import Any

import pytest

from multimarket_async.domains import FollowUp, Located, RejectedRecord, Table
from multimarket_async.errors import Rejected
from multimarket_async.proving.storable import unstorable

TABLE = Table("readings")
UPSERT = Table("readings", "upsert", version=lambda document: document["v"])


@pytest.mark.parametrize(
    "record",
    [{"_id": "1"}, {"_id": 1, "x": [1]}, Located({"_id": "1"}, 3, "1"), RejectedRecord((Rejected("a", "b"),), 1, b"x")],
)
def test_a_good_record_has_no_fault(record: Any) -> None:
    assert list(unstorable(TABLE, record)) == []


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"x": 1}, "None is no key"),
        ({"_id": [1]}, "[1] is no key"),
        ({"_id": 1, "x": 2**70}, "MongoDB cannot hold this document"),
        ({"_id": 1, "ingestion": {}}, "the field `ingestion` is the engine's own"),
        (Located({"_id": 1}, 0, ""), "lines are counted from 1"),
        (RejectedRecord((), 1, b""), "a rejected record has reasons"),
        (FollowUp("1", {}), "readings has no lifecycle"),
        ("1", "'1' is no record"),
    ],
)
def test_each_fault_is_said(record: Any, sentence: str) -> None:
    [fault] = unstorable(TABLE, record)
    assert sentence in fault


def test_versions_are_in_an_order() -> None:
    """A document without one is inserted."""
    [fault] = unstorable(UPSERT, {"_id": 1, "v": float("nan")})
    assert fault.startswith("nan is no version")
    assert not [*unstorable(UPSERT, {"_id": 1, "v": None})]
