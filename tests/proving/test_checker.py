"""The checker of manifests: no difference in a right run, and a sentence for every kind of difference."""

import json
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing
from multimarket_async.producer import Period
from multimarket_async.proving.checker import Checker, check
from multimarket_async.proving.comparison import Comparison, report
from multimarket_async.proving.manifest import Manifest, choose, read
from multimarket_async.settings import load
from multimarket_async.store import GENERATIONS, Store
from tests.readers.test_verify import alter_every_kpi

KPIS = 18  # of orders
PERIOD = Period.before(datetime(2026, 5, 1, tzinfo=UTC), "24months")
FAULTS = "duplicate=0.1,conflict=0.1,torn=0.1,late=0.1,skew=0.1,bad=0.3"


@dataclass
class World:
    """Three channels under a folder, and a MongoDB."""

    application: Application

    def __post_init__(self) -> None:
        self.channels, self.store = self.application.feeds, self.application.store
        [self.domain] = self.application.domains

    async def deliver(self, name: str, orders: int, faults: str = "", *, follow_ups: bool = False) -> Path:
        """Deliver a burst into each channel; the manifest of it."""
        settings = self.application.settings.model_copy(update={"faults": faults, "follow_ups": follow_ups})
        path = self.application.settings.data_dir / f"{name}.jsonl"
        with Manifest(path, [self.domain], {"seed": 1}) as manifest:
            for producer in replace(self.application, settings=settings).producers():
                producer.recorder = manifest.record
                await producer.burst(orders, PERIOD)
        return path

    async def collect(self) -> None:
        await self.application.collector().until_empty()
        await self.application.snapshotter().refresh()

    async def compared(self, *manifests: Path, known: Sequence[Path] = ()) -> Comparison:
        generation = await self.application.snapshotter().current()
        return await check(self.application, manifests, generation, known=known)

    def archived(self) -> list[Path]:
        """The files of the web channel."""
        return sorted(self.channels[0][1].archive_files())


@pytest.fixture
async def world(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[World]:
    settings = {"data_dir": tmp_path, "quiet_period_s": 0.3, "scan_every_s": 0.001}
    loaded = load({"orders": OrderSettings}, settings, {}, tmp_path / "absent.toml")
    async with aclosing(Store(mongo_uri, database.name)) as store:
        yield World(Application(**vars(app.workspace(loaded)), store=store, server=None))


@pytest.fixture
async def manifest(world: World) -> Path:
    """Four orders a channel, collected and measured."""
    path = await world.deliver("one", 4)
    await world.collect()
    return path


async def test_right_is_right(world: World, manifest: Path) -> None:
    """The report counts everything that was compared."""
    found = await world.compared(manifest)
    assert (found.right, found.differences, found.files, found.documents) == (True, [], 12, 12)
    assert found.kpis == [kpi.name for kpi in world.domain.kpis]
    [sentence] = report(found)
    assert sentence == (
        "Right: 12 files are where the manifest says, 12 documents are as they were delivered, "
        f"and {KPIS} KPIs of generation 1 agree to the cent."
    )


@pytest.mark.slow
async def test_faults_of_every_class_and_follow_ups_are_right(world: World) -> None:
    """Bad files are in their place, and the numbers follow the lifecycles of the orders."""
    path = await world.deliver("one", 120, FAULTS, follow_ups=True)
    await world.collect()
    found = await world.compared(path)
    assert (found.right, found.differences, dict(found.unnamed)) == (True, [], {})
    lines = [line for line in read(path) if "name" in line]
    assert {"duplicate", "conflict", "torn", "late", "skew"} <= {line.get("fault") for line in lines}
    assert len({line["expected"] for line in lines}) > 10
    assert any("follows" in line for line in lines)
    assert (
        found.files == len(lines) == sum(landing.archived_files() + _refused(landing) for _, landing in world.channels)
    )


def _refused(landing: Landing) -> int:
    """Deliveries in quarantine: equal files are kept once."""
    return sum(file.deliveries for file in landing.quarantine.each())


async def test_the_manifest_alone_says_every_kpi(world: World, manifest: Path) -> None:
    """In minor units, before anything was collected: the same that MongoDB says."""
    *_, last = read(manifest)
    rows = last["end"]["kpis"]["revenue_by_month_and_channel"]
    published = (await world.store.newest(GENERATIONS))["kpis"]["revenue_by_month_and_channel"]["rows"]
    assert [row["revenue_minor"] for row in rows] == [row["revenue_minor"] for row in published]
    assert last["end"]["files"] == {feed.name: {"stored": 4} for feed, _ in world.channels}


async def test_a_file_that_is_not_in_the_archive_any_more_is_found(world: World, manifest: Path) -> None:
    """By its name."""
    file = world.archived()[0]
    file.unlink()
    assert (await world.compared(manifest)).differences == [f"site_web: {file.name} must be archived, and is nowhere"]


async def test_a_file_that_still_waits_is_found(world: World) -> None:
    """It was received, and not collected."""
    path = await world.deliver("one", 1)
    await world.application.snapshotter().refresh()
    found = await world.compared(path)
    assert "site_web: 1000000001.json must be archived, and is waiting" in found.differences


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"$inc": {"montant_centimes": 1}}, "has montant_centimes "),
        pytest.param({"$set": {"lignes_centimes.0": 1}}, "has lignes_centimes ", marks=pytest.mark.slow),
        pytest.param(
            {"$set": {"statut_commande": "livrée"}}, "has statut_commande 'livrée' instead of ", marks=pytest.mark.slow
        ),
        pytest.param({"$set": {"client_id": "x"}}, "has client_id 'x' instead of ", marks=pytest.mark.slow),
        pytest.param({"$set": {"more": 1}}, "has more 1 instead of None", marks=pytest.mark.slow),
        ({"$set": {"ingestion.sha256": "0"}}, "has ingestion "),
    ],
)
async def test_an_order_that_is_not_as_delivered_is_found(
    world: World, database: "Database[Any]", manifest: Path, change: dict[str, Any], sentence: str
) -> None:
    """By key and field; a cent is enough."""
    database["commandes"].update_one({"_id": "web:1000000001"}, change)
    [difference] = (await world.compared(manifest)).differences
    assert difference.startswith(f"web:1000000001 {sentence}")


async def test_an_order_that_is_not_stored_is_found(world: World, database: "Database[Any]", manifest: Path) -> None:
    """Though its file is archived."""
    database["commandes"].delete_one({"_id": "web:1000000001"})
    assert (await world.compared(manifest)).differences == ["web:1000000001 must be stored, and is not"]


async def test_a_later_state_that_was_lost_is_found(world: World, database: "Database[Any]") -> None:
    """In its order."""
    path = await world.deliver("one", 30, follow_ups=True)
    await world.collect()
    one = database["commandes"].find_one({"suivi.1": {"$exists": True}})
    database["commandes"].update_one({"_id": one["_id"]}, {"$pop": {"suivi": 1}})
    [difference] = (await world.compared(path)).differences
    assert difference.startswith(f"{one['_id']} has suivi ")


async def test_a_wrong_code_is_found(world: World) -> None:
    """A bad file is in quarantine for another reason."""
    path = await world.deliver("one", 3, "nan=1")
    await world.collect()
    aside = world.channels[0][1].quarantine.list()[0]
    reason = aside.path.with_name(f"{aside.path.name}.reason.json")
    reason.write_text(json.dumps({**aside.reason, "code": "bad_date"}))
    found = await world.compared(path)
    what = "must be in quarantine as not_a_number, and is in quarantine as bad_date"
    assert found.differences == [f"site_web: {aside.path.name} {what}"]


async def test_an_altered_number_is_found_in_every_kpi(world: World, database: "Database[Any]", manifest: Path) -> None:
    """By KPI, row and column, with what it is and what it should be."""
    expected = alter_every_kpi(database)
    assert (await world.compared(manifest)).differences == expected


async def test_a_file_that_no_manifest_names_is_reported(world: World, manifest: Path) -> None:
    """Neither it nor the KPIs, which may count it, are proved right."""
    file = world.archived()[0]
    forged = file.with_name("forged.json")
    forged.write_bytes(file.read_bytes() + b" ")
    found = await world.compared(manifest)
    assert (found.right, dict(found.unnamed), found.example, found.kpis) == (False, {"site_web": 1}, str(forged), [])
    assert "No manifest given names 1 files or documents: site_web 1" in next(report(found))


async def test_a_document_that_no_manifest_names_is_reported(
    world: World, database: "Database[Any]", manifest: Path
) -> None:
    """Also one that has no file."""
    one = database["commandes"].find_one({"canal": "web"})
    database["commandes"].insert_one({**one, "_id": "web:777"})
    assert dict((await world.compared(manifest)).unnamed) == {"commandes": 1}


@pytest.mark.slow
async def test_several_runs_are_compared_together(world: World, database: "Database[Any]", manifest: Path) -> None:
    """One alone does not explain what is there; all of them do, and the KPIs come from the files they name."""
    other = await world.deliver("two", 5, "bad=0.3,duplicate=0.3", follow_ups=True)
    await world.collect()
    assert (await world.compared(other)).right is False
    found = await world.compared(manifest, other)
    assert (found.right, found.differences, len(found.kpis)) == (True, [], KPIS)
    database[GENERATIONS].update_one(
        {"_id": 2}, {"$inc": {"kpis.revenue_by_month_and_channel.rows.0.revenue_minor": 1}}
    )
    assert (await world.compared(manifest, other)).differences[0].startswith("revenue_by_month_and_channel row 1: ")


@pytest.mark.slow
async def test_files_of_known_runs_are_no_surprise(world: World, manifest: Path) -> None:
    """The latest run is compared beside those before it, with all KPIs; without these, while their files are there."""
    other = await world.deliver("two", 5, "bad=0.3,duplicate=0.3", follow_ups=True)
    await world.collect()
    found = await world.compared(other, known=[manifest])
    assert (found.right, found.files, len(found.kpis)) == (True, lines_of_files(other), KPIS)
    world.archived()[0].unlink()
    found = await world.compared(other, known=[manifest])
    assert (found.right, found.undelivered, found.kpis) == (True, 0, [])


def lines_of_files(manifest: Path) -> int:
    return sum("name" in line for line in read(manifest))


def killed(path: Path, marks: int) -> Path:
    """As a kill leaves it: so many groups are known to have been received; the next one was announced."""
    lines = path.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if line.startswith(b'{"received"')]
    path.write_bytes(b"".join(lines[: ends[marks]]) + b'{"feed":"site_web","na')
    return path


@pytest.mark.slow
async def test_a_killed_run_is_compared_as_far_as_it_came(world: World) -> None:
    """Announced files may be missing or torn; received ones may not."""
    path = killed(await world.deliver("one", 6, "torn=0.5"), marks=1)
    announced = [line for line in read(path) if line.get("feed") == "application_mobile"]
    torn = next(line["name"] for line in announced if line.get("fault") == "torn")
    (_, web), (_, mobile), (_, shop) = world.channels
    for file in [*mobile.sources.glob("[!.]*"), *shop.sources.glob("[!.]*")]:
        file.write_bytes(file.read_bytes()[:200]) if file == mobile.sources / torn else file.unlink()
    await world.collect()
    found = await world.compared(path)
    assert (found.right, found.killed, found.undelivered, len(found.kpis)) == (True, [path], 6, KPIS)
    assert "was killed, or still runs" in next(report(found))
    world.archived()[0].unlink()
    assert len((await world.compared(path)).differences) == 1
    assert web.archived_files() == 5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace(b'"stored"', b'"duplicate"', 1), "it was changed since it was written"),
        (lambda text: b"{}\n" + text, "line 1 is none of a manifest"),
        (lambda text: text.partition(b"\n")[2], "its first line does not identify it"),
        (lambda text: text.replace(b'"manifest":1', b'"manifest":2', 1), "it is of version 2"),
    ],
)
async def test_another_file_is_refused_as_manifest(world: World, change: Any, sentence: str) -> None:
    """In a sentence, with exit code 2."""
    path = await world.deliver("one", 1)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(WrongSettings) as stop:
        list(read(path))
    assert sentence in str(stop.value)


def test_manifests_are_chosen_by_name(world: World, tmp_path: Path) -> None:
    """The newest has the last name; an error says that there is none."""
    with pytest.raises(WrongSettings, match="There is no manifest in"):
        choose(world.application, ["latest"])
    (tmp_path / "manifests").mkdir()
    paths = [tmp_path / "manifests" / name for name in ("1.jsonl", "2.jsonl")]
    for path in paths:
        path.touch()
    assert choose(world.application, ["latest"]) == paths[1:]
    assert choose(world.application, ["latest", "all", "x"]) == [paths[1], paths[0], Path("x")]


async def test_outcomes_of_a_race_are_all_right(world: World) -> None:
    """Of two contents under a key either may win; one that is lost, or is elsewhere, is a difference."""
    [feed, landing] = world.channels[0]
    order = feed.simulate(1, 1, PERIOD.earliest, PERIOD.latest)
    other = replace(order, name="other.json", content=feed.corruptions.contradict(order.content))
    with Manifest(world.application.settings.data_dir / "m.jsonl", [], {}) as manifest:
        for delivery in (order, other):
            with manifest.record(feed.name, [delivery], also=["conflict"]):
                await landing.deliver(delivery.name, delivery.content)
    await world.collect()
    comparison = await world.compared(manifest.path)
    assert (comparison.right, comparison.documents, len(comparison.kpis)) == (True, 1, KPIS)
    [file] = landing.quarantine.list()
    reason = file.path.with_name(f"{file.path.name}.reason.json")
    reason.write_text(json.dumps({**file.reason, "code": "bad_date"}))
    required = "must be archived or in quarantine as conflict"
    expected = f"site_web: {file.path.name} {required}, and is in quarantine as bad_date"
    assert (await world.compared(manifest.path)).differences == [expected]
    file.path.unlink()
    assert (await world.compared(manifest.path)).differences == [
        f"site_web: {file.path.name} {required}, and is nowhere"
    ]


def of_version_before(path: Path) -> Path:
    text = path.read_bytes().replace(b'{"received":"', b'{"dropped":"').splitlines(keepends=True)[:-1]
    path.write_bytes(b"".join(text))
    return path


async def test_a_manifest_of_the_version_before_is_read(world: World, manifest: Path) -> None:
    """Its marks had another name."""
    comparison = await world.compared(of_version_before(manifest))
    assert (comparison.right, comparison.killed, comparison.undelivered) == (True, [manifest], 0)


@pytest.mark.slow
async def test_many_files_take_a_few_mb(world: World, tmp_path: Path) -> None:
    """Nothing is kept but in the temporary file."""
    path, files = tmp_path / "m.jsonl", 30_000
    with path.open("w") as manifest:
        manifest.write('{"manifest": 1}\n')
        for number in range(files):
            delivery = {"feed": "web", "name": f"{number}.json", "sha256": f"{number:064}", "expected": "not_utf8"}
            manifest.write(json.dumps(delivery) + "\n")
        manifest.write('{"received": "web"}\n')
    tracemalloc.start()
    comparison = Comparison(1, [path])
    with closing(Checker(world.application, comparison)) as checker:
        checker.read_manifests()
        checker.find_files(lambda: None)
        checker.check_files()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (comparison.files, comparison.wrong, len(comparison.differences)) == (files, files, 20)
    assert peak < 6_000_000  # a list of them would take 15
