"""JSON of many records: as an array, as lines, or one after the other; with what cannot be read."""

from multimarket_async.formats import Json
from tests.formats.read import records


def test_the_same_records_are_read_in_every_form() -> None:
    expected = [{"a": 1}, {"a": "é"}]
    assert records(Json(), '[{"a": 1}, {"a": "é"}]') == expected
    assert records(Json(), '{"a": 1}\n{"a": "é"}\n') == expected
    assert records(Json(), '{"a": 1}{"a":\n"é"}') == expected
    assert records(Json(at="/answer/rows"), '{"n": 2, "answer": {"rows": [{"a": 1}, {"a": "é"}]}}') == expected
