"""Fuzz the order parser: only documents or Rejected may come out, the same each time, and BSON holds them.

Run by `make fuzz`. Coverage-guided (https://github.com/google/atheris), seeded with the corpus of bad files.
A finding is written to the current folder as crash-<sha1>, and the process ends with an error.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["multimarket_async.strict_json", "multimarket_async.domains.orders", "json"]):
    from multimarket_async.domains.orders.channels import CHANNELS
    from multimarket_async.domains.orders.order import parser
    from multimarket_async.domains.orders.settings import OrderSettings
    from multimarket_async.errors import Rejected
    from multimarket_async.store import encode
    from multimarket_async.strict_json import loads

from tests.corpus import cases
from tests.corpus.case import ORDER, good

SETTINGS = OrderSettings()
LONGEST_SEED_BYTES = 4096
LONGEST_SENTENCE_CHARS = 400
WORDS = [
    *(f'"{word}"' for word in ORDER.split('"')[1::2]),
    *("web", "mobile", "boutique", "payée", "annulée", "2025-04-26T14:00:00", "+01:00", "Z"),
    *("NaN", "Infinity", "-Infinity", "1e999", "9223372036854775808", "0.005", "-0", "1e308", "true", "null"),
    *("\\ud800", "\\udc00", "\\u0000", "\\n", "[[[[[[[[", "]]]]]]]]", '{"":', "}}}}", '"$where":', '"a.b":', '"_id":'),
    "\ufeff",
]


def one_input(content: bytes) -> None:
    """Invariants of the parser for arbitrary bytes."""
    tree = _outcome(partial(loads, content))
    if not isinstance(tree, tuple):
        assert all(map(math.isfinite, _floats(tree)))
        assert tree == json.loads(content.removeprefix(b"\xef\xbb\xbf"))
        _bson({"_id": "", "tree": tree})
    for canal in CHANNELS.values():
        parsed = partial(_documents, content, canal)
        assert _outcome(parsed) == _outcome(parsed), "two runs differ"


def _outcome(work: Callable[[], Any]) -> Any:
    """The outcome: a tree, documents, or the reason."""
    try:
        return work()
    except Rejected as fault:
        return _reason(fault)


def _reason(fault: Rejected) -> tuple[Any, ...]:
    """The reason of a bad file, which a log line and a reason file must be able to hold."""
    assert fault.sentence.isprintable(), fault.sentence
    assert len(fault.sentence) < LONGEST_SENTENCE_CHARS, fault.sentence
    assert (fault.line is None) == (fault.column is None)
    reason = (fault.code, fault.sentence, fault.pointer, fault.line, fault.column, fault.unfinished)
    json.dumps([*reason, fault.facts], ensure_ascii=False).encode()
    return reason


def _documents(content: bytes, canal: str) -> list[bytes]:
    documents = parser(canal, SETTINGS)(content)
    for document in documents:
        assert document["_id"] == f"{canal}:{document['order_id']}"
        assert document["montant_centimes"] == sum(document["lignes_centimes"]) >= 0
    return [_bson(document) for document in documents]


def _bson(document: dict[str, Any]) -> bytes:
    try:
        return bytes(encode(document).bson.raw)
    except Rejected as fault:
        raise AssertionError("accepted, and BSON cannot hold it") from fault


def _floats(tree: Any) -> list[float]:
    if isinstance(tree, float):
        return [tree]
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [number for item in inner for number in _floats(item)]


def _seeded(folder: Path) -> list[str]:
    """The corpus as files, and the words as a dictionary, in libFuzzer's formats."""
    seeds, words = folder / "seeds", folder / "words"
    seeds.mkdir()
    contents = {good("1"), *(case.content for case in cases() if len(case.content) <= LONGEST_SEED_BYTES)}
    for number, content in enumerate(sorted(contents)):
        (seeds / str(number)).write_bytes(content)
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n' for word in WORDS))
    return [f"-dict={words}", str(seeds)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fuzz_order_") as folder:
        atheris.Setup([*sys.argv, *_seeded(Path(folder))], one_input)
        atheris.Fuzz()
