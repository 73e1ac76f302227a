"""The checker sees what is wrong; of files and documents: tests/proving/test_checker.py."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing
from multimarket_async.proving.torture.checker import MOST_LINES, false_conflicts, floods
from multimarket_async.proving.torture.generations import check
from multimarket_async.proving.torture.worker import LOG

STORED, OTHER = b'{"order": 1}', b'{"order": 1, "corrected": true}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("archived", "stored", "delivered", "true"),
    [
        (STORED, sha256(STORED), sha256(OTHER), True),
        (b"something else", sha256(STORED), sha256(OTHER), False),
        (STORED, sha256(STORED), sha256(STORED), False),
        (OTHER, sha256(OTHER), sha256(OTHER), False),
    ],
    ids=["true", "nothing is archived with the stored digest", "not its own digest", "with itself"],
)
def test_a_conflict_names_its_own_content_and_another_one_that_is_archived(
    tmp_path: Path, archived: bytes, stored: str, delivered: str, true: bool
) -> None:
    """Else two deliveries of one key could quarantine each other, and none be stored."""
    landing = Landing(tmp_path, "site_web")
    landing.prepare()
    (landing.archived / "2026-05-20").mkdir()
    (landing.archived / "2026-05-20" / "1.json").write_bytes(archived)
    (landing.sources / "1.json").write_bytes(OTHER)
    digests = {"sha256_stored": stored, "sha256_delivered": delivered}
    landing.quarantine.add(landing.sources / "1.json", Rejected("conflict", "another content"), digests)
    assert (list(false_conflicts(landing)) == []) is true


def test_an_event_is_logged_a_few_times_only(tmp_path: Path) -> None:
    """Except those that are one line per outcome."""
    (tmp_path / LOG).write_text('{"event": "batch.collected"}\n' * 200 + '{"event": "mongo.away"}\n' * MOST_LINES)
    assert list(floods(tmp_path)) == []
    with (tmp_path / LOG).open("a") as log:
        log.write('{"event": "mongo.away"}\n')
    assert list(floods(tmp_path)) == [f"the log has {MOST_LINES + 1} lines mongo.away"]


def test_every_whole_log_line_is_json(tmp_path: Path) -> None:
    """A kill may cut the last one."""
    (tmp_path / LOG).write_text('{"event": "batch.collected"}\n{"even')
    assert list(floods(tmp_path)) == []
    (tmp_path / LOG).write_text("Traceback (most recent call last):\n")
    assert list(floods(tmp_path)) == ["a log line is not JSON: 'Traceback (most recent call last):\\n'"]


# --- generations ----------------------------------------------------------------------------


def generation(number: int, orders: int, cancelled: int = 1) -> dict[str, Any]:
    rows = [{"channel": "web", "orders": orders, "cancelled_orders": cancelled}]
    return {"_id": number, "documents": {"orders": orders}, "kpis": {"cancellation_rate_by_channel": {"rows": rows}}}


def broken(*published: dict[str, Any]) -> list[str]:
    return list(check(published, {"cancellation_rate_by_channel"}))


def test_generations_are_numbered_without_gaps_and_count_more_and_more() -> None:
    """Nothing is wrong with these."""
    assert broken(generation(1, 4), generation(2, 7)) == []


def test_a_generation_of_the_same_documents_may_say_something_new() -> None:
    """One of them was cancelled meanwhile."""
    assert broken(generation(1, 4), generation(2, 4, cancelled=2)) == []


def test_a_generation_that_says_nothing_new() -> None:
    """It would only be noise in the history."""
    assert broken(generation(1, 4), generation(2, 4)) == ["generation 2 says nothing new"]


def test_a_generation_that_counts_fewer_documents() -> None:
    """Documents are never removed."""
    [what] = broken(generation(1, 4), generation(2, 3))
    assert what.startswith("generation 2 counts [(4, 3)]")


def test_a_generation_that_is_missing() -> None:
    """Numbers begin at 1."""
    assert broken(generation(2, 4)) == ["the generations are numbered [2]"]


def test_half_a_generation() -> None:
    """Not all KPIs are in it."""
    assert broken({**generation(1, 4), "kpis": {}}) == ["generation 1 has only the KPIs []"]
