"""BSON of records that is put together from elements is that of the whole document."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from multimarket_async.store import RecordEncoder

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("number", [1, 2**31 - 1, 2**31])
@pytest.mark.parametrize("version", [None, 7, "0001", AT])
def test_a_record_is_encoded_with_its_source(number: int, version: Any) -> None:
    document = {"_id": "k", "name": "é", "empty": {}, "list": [1, None]}
    encoded = RecordEncoder("sales", "r" * 20, AT).encoded(document, number, "2026-05 ü", version)
    versioned = {} if version is None else {"version": version}
    source = {"feed": "sales", "receipt": "r" * 20, "ingested_at": AT, "record": number, "partition": "2026-05 ü"}
    assert encoded.bson.raw == bson.encode({**document, "ingestion": {**source, **versioned, "digest": encoded.sha256}})
    assert encoded.origin == ("r" * 20, number)
