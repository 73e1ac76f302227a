"""Every bad file at once, among good orders, under the default settings: each ends where it must."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import Landing
from multimarket_async.settings import Settings, load
from multimarket_async.store import Store
from tests.corpus import LEFT, STORED, cases
from tests.corpus.case import good
from tests.corpus.files import OUTSIDE, OUTSIDE_FILES, prepare_outside

CASES = cases()
GOOD_ORDERS = 300
SUBJECT = ORDERS.under(load({"orders": OrderSettings}, {}, {}, Path("/nowhere")))
# feed, file name -> outcome, pointer, line and column
Ends = dict[tuple[str, str], tuple[str, str, tuple[int, int] | None]]


@dataclass
class Collected:
    """The state after the collector has met them all."""

    folder: Path
    landings: dict[str, Landing]
    documents: list[dict[str, Any]]
    outside: tuple[Any, Any]
    after: dict[str, Any] | None


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[pytest.MonkeyPatch]:
    """A monkeypatch for the module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
async def collected(
    tmp_path_factory: pytest.TempPathFactory, mongo_uri: str, elsewhere: pytest.MonkeyPatch
) -> AsyncIterator[Collected]:
    """The corpus and 300 good orders, collected; then one order more."""
    folder = tmp_path_factory.mktemp("corpus")
    prepare_outside(folder / OUTSIDE)
    elsewhere.chdir(folder / OUTSIDE)  # a relative path would show there
    landings = {feed.name: Landing(folder / "data", feed.name) for feed in SUBJECT.feeds}
    for landing in landings.values():
        landing.prepare()
    with pymongo.MongoClient(mongo_uri) as client, capture_logs():
        async with aclosing(Store(mongo_uri, "corpus")) as store:
            collector = Collector([(feed, landings[feed.name]) for feed in SUBJECT.feeds], store, Settings(), Clock())
            _put_all(landings)
            outside = _snapshot(folder)
            await collector.until_empty()
            outside_then = _snapshot(folder)
            documents = list(client["corpus"]["commandes"].find())
            (landings["site_web"].sources / "after.json").write_bytes(good("after"))
            await collector.until_empty()
            after = client["corpus"]["commandes"].find_one({"_id": "web:after"})
            yield Collected(folder, landings, documents, (outside, outside_then), after)
            client.drop_database("corpus")


def _put_all(landings: dict[str, Landing]) -> None:
    for feed in SUBJECT.feeds:
        assert feed.simulate
        for number in range(GOOD_ORDERS // 3):
            order = feed.simulate(1, number, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))
            (landings[feed.name].sources / f"good {number}.json").write_bytes(order.content)
    for case in CASES:
        case.put(landings[case.feed].sources / case.file_name, case.content)


def _snapshot(folder: Path) -> dict[str, Any]:
    """Files outside the data folder, but for contents: to read them would leave traces."""
    paths = [path for path in folder.rglob("*") if folder / "data" not in (path, *path.parents)]
    status = {path.name: path.lstat() for path in paths}
    return {name: (found.st_size, found.st_mtime_ns, found.st_mode, found.st_uid) for name, found in status.items()}


def _ends(collected: Collected) -> Ends:
    """The place of each file now."""
    return {end: how for feed, landing in collected.landings.items() for end, how in _of(feed, landing)}


def _of(feed: str, landing: Landing) -> Iterator[tuple[tuple[str, str], Any]]:
    for path in landing.archive_files():
        yield (feed, path.name), (STORED, "", None)
    for file in landing.quarantine.list():
        place = (file.reason["line"], file.reason["column"]) if file.reason["line"] else None
        yield (feed, file.reason["file"]), (file.reason["code"], file.reason["pointer"], place)
    for path in landing.sources.iterdir():
        yield (feed, path.name), (LEFT, "", None)


def test_there_are_enough_and_no_two_of_one_name() -> None:
    """At least 80 kinds, the order cut at every byte counted as one."""
    assert len([case for case in CASES if not case.wrong.startswith("cut after")]) >= 80
    assert max(Counter((case.feed, case.file_name) for case in CASES).values()) == 1


def test_each_file_ends_where_it_must_with_the_exact_reason(collected: Collected) -> None:
    """Stored, left alone, or set aside with this code, this pointer, this line and column."""
    expected = {(case.feed, case.file_name): (case.outcome, case.pointer, case.place) for case in CASES}
    ends = {end: how for end, how in _ends(collected).items() if not end[1].startswith(("good ", "after"))}
    assert {end: (how, ends.pop(end, None)) for end, how in expected.items() if ends.get(end) != how} == {}
    assert ends.keys() == expected.keys()


def test_the_good_orders_are_all_stored(collected: Collected) -> None:
    """300 orders among all that, and one that comes afterwards."""
    names = [document["ingestion"]["file"] for document in collected.documents]
    assert len([name for name in names if name.startswith("good ")]) == GOOD_ORDERS
    assert collected.after


def test_archived_means_stored(collected: Collected) -> None:
    """A document for each content in the archive, and none for anything else."""
    archived = [path for landing in collected.landings.values() for path in landing.archive_files()]
    contents = [path.read_bytes() for path in archived if path.name != "after.json"]
    digests = {hashlib.sha256(content).hexdigest() for content in contents}
    assert Counter(digests) == Counter(document["ingestion"]["sha256"] for document in collected.documents)


def test_set_aside_means_as_it_came(collected: Collected) -> None:
    """The bytes are what was delivered, and each reason lies beside its file."""
    by_name = {(case.feed, case.file_name): case for case in CASES if case.content}
    for feed, landing in collected.landings.items():
        for file in landing.quarantine.list():
            case = by_name.get((feed, file.reason["file"]))
            assert case is None or file.path.read_bytes() == case.content, file.path


def test_identifiers_are_data(collected: Collected) -> None:
    """A path in an identifier is stored as text, letter by letter."""
    keys = {document["_id"] for document in collected.documents}
    assert keys >= {"web:../../etc/passwd", "web:/etc/passwd", "web:1\n2", "web:$where", "web:web:1"}


def test_keys_are_data(collected: Collected) -> None:
    """Dollars and points in keys come back as they were delivered."""
    stored = {document["order_id"]: document for document in collected.documents}
    assert [stored[f"key {key}"][key] for key in ("$where", "a.b", "", "$ref")] == [
        {"$where": 1},
        {"a.b": 1},
        {"": 1},
        {"$ref": 1},
    ]


def test_nothing_outside_was_touched(collected: Collected) -> None:
    """The target of a link is neither moved nor changed; the link itself is quarantined as a link."""
    before, after = collected.outside
    assert after == before
    outside = collected.folder / OUTSIDE
    assert (outside / "order.json").stat().st_atime == 0
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == OUTSIDE_FILES
    link = collected.folder / "data/quarantine/site_web/link to a good order.json"
    assert link.readlink() == outside / "order.json"


def test_a_link_is_not_followed(collected: Collected) -> None:
    """The good order behind it is not stored: somebody else's file is nobody's delivery."""
    assert "web:outside" not in {document["_id"] for document in collected.documents}


def test_every_reason_is_one_line_that_can_be_shown(collected: Collected) -> None:
    """Whatever is in a file or in its name, the sentence is short and its characters are plain."""
    for landing in collected.landings.values():
        for file in landing.quarantine.list():
            assert file.reason["sentence"].isprintable(), file.path
            assert len(file.reason["sentence"]) < 300, file.path
            assert json.dumps(file.reason["pointer"]).isascii()
            assert os.path.lexists(file.path)
