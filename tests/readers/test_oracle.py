"""verify --manifest: right when right, and every kind of wrong is found and named."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing
from multimarket_async.manifest import Manifest, chosen, lines_of
from multimarket_async.producer import Faults, Period, Producer
from multimarket_async.readers.manifest_book import Book
from multimarket_async.readers.oracle import Judgement, compare, sentences
from multimarket_async.settings import Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Int64, Store

PERIOD = Period.before(datetime(2026, 5, 1, tzinfo=UTC), "24months")
FAULTS = "duplicate=0.1,conflict=0.1,torn=0.1,late=0.1,skew=0.1,bad=0.3"


@dataclass
class World:
    """Three channels under a folder, and a MongoDB."""

    folder: Path
    domain: LoadedDomain
    channels: list[tuple[Feed, Landing]]
    store: Store
    settings: Settings

    def producer(self, feed: Feed, landing: Landing, seed: int, faults: str, *, lives: bool) -> Producer:
        later = feed.simulate_follow_ups if lives else None
        struck = {"faults": Faults.of(faults), "corruptions": feed.corruptions}
        return Producer(feed.simulate, landing, seed, Clock(), later=later, **struck)

    async def deliver(
        self, name: str, orders: int, faults: str = "", *, seed: int = 1, follow_ups: bool = False
    ) -> Path:
        """A burst into each channel; the manifest of it."""
        with Manifest(self.folder / "manifests" / f"{name}.jsonl", [self.domain], {"seed": seed}) as manifest:
            for feed, landing in self.channels:
                one = self.producer(feed, landing, seed, faults, lives=follow_ups)
                one.manifest = manifest
                await one.burst(orders, PERIOD)
        return manifest.path

    async def collect(self) -> None:
        await Collector(self.channels, self.store, self.settings, Clock()).until_empty()
        await Snapshotter([self.domain], self.store, Clock()).refresh()

    async def judged(self, *manifests: Path) -> Judgement:
        generation = await self.store.newest(GENERATIONS)
        return await compare(list(manifests), [self.domain], self.channels, self.store, generation)

    def archived(self) -> list[Path]:
        """The files of the web channel."""
        return sorted(self.channels[0][1].archive_files())


@pytest.fixture
async def world(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[World]:
    settings = {"quiet_period_s": 0.3, "scan_every_s": 0.001}
    loaded = load({"orders": OrderSettings}, settings, {}, tmp_path / "absent.toml")
    domain = ORDERS.under(loaded)
    channels = [(feed, Landing(tmp_path, feed.name)) for feed in domain.feeds]
    for _, landing in channels:
        landing.prepare()
    store = Store(mongo_uri, database.name)
    yield World(tmp_path, domain, channels, store, loaded.of(Settings))
    await store.aclose()


@pytest.fixture
async def manifest(world: World) -> Path:
    """Four orders a channel, collected and measured."""
    path = await world.deliver("one", 4)
    await world.collect()
    return path


async def test_right_is_right(world: World, manifest: Path) -> None:
    """All of it was looked at, and that is what is said."""
    found = await world.judged(manifest)
    assert (found.right, found.differences, found.files, found.documents) == (True, [], 12, 12)
    assert found.kpis == [kpi.name for kpi in world.domain.kpis]
    [told] = sentences(found)
    assert told == (
        "Right: 12 files are where the manifest says, 12 orders are as they were delivered, "
        "and 11 KPIs of generation 1 agree to the cent."
    )


async def test_faults_of_every_class_and_lives_are_right(world: World) -> None:
    """What is bad is where it must be, and the numbers follow the orders' lives."""
    path = await world.deliver("one", 120, FAULTS, follow_ups=True)
    await world.collect()
    found = await world.judged(path)
    assert (found.right, found.differences, dict(found.beyond)) == (True, [], {})
    lines = [line for line in lines_of(path) if "name" in line]
    assert {"duplicate", "conflict", "torn", "late", "skew"} <= {line.get("fault") for line in lines}
    assert len({line["expected"] for line in lines}) > 10
    assert any("follows" in line for line in lines)
    assert (
        found.files
        == len(lines)
        == sum(landing.archived_files() + landing.quarantine.count() for _, landing in world.channels)
    )


async def test_the_manifest_alone_says_every_kpi(world: World, manifest: Path) -> None:
    """In minor units, before anything was collected: the same that MongoDB says."""
    *_, last = lines_of(manifest)
    rows = last["end"]["kpis"]["revenue_by_month_and_channel"]
    published = (await world.store.newest(GENERATIONS))["kpis"]["revenue_by_month_and_channel"]["rows"]
    assert [row["revenue_minor"] for row in rows] == [row["revenue_minor"] for row in published]
    assert last["end"]["files"] == {feed.name: {"stored": 4} for feed, _ in world.channels}


async def test_a_file_that_is_not_in_the_archive_any_more_is_found(world: World, manifest: Path) -> None:
    """By its name."""
    file = world.archived()[0]
    file.unlink()
    assert (await world.judged(manifest)).differences == [f"site_web: {file.name} must be archived, and is nowhere"]


async def test_a_file_that_still_waits_is_found(world: World) -> None:
    """It was received, and not collected."""
    path = await world.deliver("one", 1)
    await Snapshotter([world.domain], world.store, Clock()).refresh()
    found = await world.judged(path)
    assert "site_web: 1000000001.json must be archived, and is waiting" in found.differences


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"$inc": {"montant_centimes": 1}}, "has montant_centimes "),
        ({"$set": {"lignes_centimes.0": 1}}, "has lignes_centimes "),
        ({"$set": {"statut_commande": "livrée"}}, "has statut_commande 'livrée' instead of "),
        ({"$set": {"client_id": "x"}}, "has client_id 'x' instead of "),
        ({"$set": {"more": 1}}, "has more 1 instead of None"),
        ({"$set": {"ingestion.sha256": "0"}}, "has ingestion "),
    ],
)
async def test_an_order_that_is_not_as_delivered_is_found(
    world: World, database: "Database[Any]", manifest: Path, change: dict[str, Any], told: str
) -> None:
    """By key and field; a cent is enough."""
    database["commandes"].update_one({"_id": "web:1000000001"}, change)
    [difference] = (await world.judged(manifest)).differences
    assert difference.startswith(f"site_web: web:1000000001 {told}")


async def test_an_order_that_is_not_stored_is_found(world: World, database: "Database[Any]", manifest: Path) -> None:
    """Though its file is archived."""
    database["commandes"].delete_one({"_id": "web:1000000001"})
    assert (await world.judged(manifest)).differences == ["site_web: web:1000000001 must be stored, and is not"]


async def test_a_later_state_that_was_lost_is_found(world: World, database: "Database[Any]") -> None:
    """In its order."""
    path = await world.deliver("one", 30, follow_ups=True)
    await world.collect()
    one = database["commandes"].find_one({"suivi.1": {"$exists": True}})
    database["commandes"].update_one({"_id": one["_id"]}, {"$pop": {"suivi": 1}})
    [difference] = (await world.judged(path)).differences
    assert f" {one['_id']} has suivi " in difference


async def test_a_wrong_code_is_found(world: World) -> None:
    """What must be in quarantine is there for another reason."""
    path = await world.deliver("one", 3, "nan=1")
    await world.collect()
    aside = world.channels[0][1].quarantine.list()[0]
    reason = aside.path.with_name(f"{aside.path.name}.reason.json")
    reason.write_text(json.dumps({**aside.reason, "code": "bad_date"}))
    found = await world.judged(path)
    what = "must be in quarantine as not_a_number, and is in quarantine as bad_date"
    assert found.differences == [f"site_web: {aside.path.name} {what}"]


@pytest.mark.parametrize("kpi", [kpi.name for kpi in ORDERS.kpis(OrderSettings())])
async def test_an_altered_number_is_found_in_every_kpi(
    world: World, database: "Database[Any]", manifest: Path, kpi: str
) -> None:
    """By KPI, row and column."""
    row = database[GENERATIONS].find_one()["kpis"][kpi]["rows"][0]
    column = next(name for name in ("orders", "quantity", "customers") if name in row)
    database[GENERATIONS].update_one({}, {"$set": {f"kpis.{kpi}.rows.0.{column}": Int64(row[column] + 1)}})
    told = f"{kpi} row 1: {column} {row[column] + 1} instead of {row[column]}"
    assert (await world.judged(manifest)).differences == [told]


async def test_a_file_that_nobody_dropped_is_told(world: World, manifest: Path) -> None:
    """It is not proved right, and so are the KPIs: it may be counted in them."""
    file = world.archived()[0]
    forged = file.with_name("forged.json")
    forged.write_bytes(file.read_bytes() + b" ")
    found = await world.judged(manifest)
    assert (found.right, dict(found.beyond), found.such_as, found.kpis) == (False, {"site_web": 1}, str(forged), [])
    assert "There is what no manifest given names: 1 in site_web" in next(sentences(found))


async def test_a_document_that_nobody_dropped_is_told(world: World, database: "Database[Any]", manifest: Path) -> None:
    """Also one that has no file."""
    one = database["commandes"].find_one({"canal": "web"})
    database["commandes"].insert_one({**one, "_id": "web:777"})
    assert dict((await world.judged(manifest)).beyond) == {"commandes": 1}


async def test_several_runs_are_compared_together(world: World, database: "Database[Any]", manifest: Path) -> None:
    """One alone does not explain what is there; all of them do, and the KPIs come from the files they name."""
    other = await world.deliver("two", 5, "bad=0.3,duplicate=0.3", follow_ups=True)
    await world.collect()
    assert (await world.judged(other)).right is False
    found = await world.judged(manifest, other)
    assert (found.right, found.differences, len(found.kpis)) == (True, [], 11)
    database[GENERATIONS].update_one(
        {"_id": 2}, {"$inc": {"kpis.revenue_by_month_and_channel.rows.0.revenue_minor": 1}}
    )
    assert (await world.judged(manifest, other)).differences[0].startswith("revenue_by_month_and_channel row 1: ")


def killed(path: Path, marks: int) -> Path:
    """As a kill leaves it: so many groups are known to have been received; the next one was announced."""
    lines = path.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if line.startswith(b'{"received"')]
    path.write_bytes(b"".join(lines[: ends[marks]]) + b'{"feed":"site_web","na')
    return path


async def test_a_killed_run_is_compared_as_far_as_it_came(world: World) -> None:
    """What was announced may be missing or torn; what was received may not."""
    path = killed(await world.deliver("one", 6, "torn=0.5"), marks=1)
    announced = [line for line in lines_of(path) if line.get("feed") == "application_mobile"]
    torn = next(line["name"] for line in announced if line.get("fault") == "torn")
    (_, web), (_, mobile), (_, shop) = world.channels
    for file in [*mobile.sources.glob("[!.]*"), *shop.sources.glob("[!.]*")]:
        file.write_bytes(file.read_bytes()[:200]) if file == mobile.sources / torn else file.unlink()
    await world.collect()
    found = await world.judged(path)
    assert (found.right, found.killed, found.never_dropped, len(found.kpis)) == (True, [path], 6, 11)
    assert "was killed, or still runs" in next(sentences(found))
    world.archived()[0].unlink()
    assert len((await world.judged(path)).differences) == 1
    assert web.archived_files() == 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace(b'"stored"', b'"duplicate"', 1), "it was changed since it was written"),
        (lambda text: b"{}\n" + text, "line 1 is none of a manifest"),
        (lambda text: text.partition(b"\n")[2], "its first line does not say what it is"),
        (lambda text: text.replace(b'"manifest":1', b'"manifest":2', 1), "it is of version 2"),
    ],
)
async def test_what_is_no_manifest_is_refused(world: World, change: Any, told: str) -> None:
    """In a sentence, with exit code 2."""
    path = await world.deliver("one", 1)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(WrongSettings) as stop, closing(Book()) as book:
        book.read(path)
    assert told in str(stop.value)


def test_manifests_are_chosen_by_name(tmp_path: Path) -> None:
    """The newest has the last name; where there is none, that is said."""
    with pytest.raises(WrongSettings, match="There is no manifest in"):
        chosen(tmp_path, ["latest"])
    paths = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    for path in paths:
        path.touch()
    assert chosen(tmp_path, ["latest"]) == paths[1:]
    assert chosen(tmp_path, ["latest", "all", "x"]) == [paths[1], paths[0], Path("x")]


def test_a_book_of_many_files_takes_a_few_mb(tmp_path: Path) -> None:
    """Whatever their number: nothing is kept but in the temporary file."""
    path, files = tmp_path / "m.jsonl", 30_000
    with path.open("w") as manifest:
        manifest.write('{"manifest": 1}\n')
        for number in range(files):
            told = {"feed": "web", "name": f"{number}.json", "sha256": f"{number:064}", "expected": "stored"}
            manifest.write(json.dumps(told) + "\n")
    tracemalloc.start()
    book = Book()
    assert book.read(path) is None
    book.find(("web", f"{number:064}", "archived", f"/{number}.json") for number in range(1, files))
    book.index()
    assert sum(1 for _ in book.documents(["web"])) == files - 1
    assert [(one.name, one.wanted, one.certain) for one in book.unequal()] == [("0.json", 1, 0)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    book.close()
    assert peak < 6_000_000  # a list of them would take 15
