"""The lake: every table as MongoDB has it, a generation that readers see whole, and each change committed once."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import duckdb
import polars
import pytest
from deltalake import DeltaTable, write_deltalake
from pymongo.database import Database

from multimarket_async import app, discovery
from multimarket_async.app import Application
from multimarket_async.document_tables import tables_of
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.generations import rows
from multimarket_async.settings import load
from multimarket_async.sinks import Held, Source
from multimarket_async.sinks.lake import Lake, opened
from multimarket_async.sinks.lake.delta import Tables
from multimarket_async.sinks.lake.place import Place
from multimarket_async.sinks.room import room
from tests.sinks.conftest import loaded, measured
from tests.sinks.s3 import Bucket, bucket, careless_store

WRITTEN = Path(__file__).parents[2] / "multimarket_async" / "docs" / "bi.md"
PROGRAM = [sys.executable, "-m", "multimarket_async"]


@pytest.fixture
async def application(given: dict[str, Any]) -> AsyncIterator[Application]:
    async with app.opened(app.workspace(loaded({**given, "sinks": ("lake",)}))) as opened_one:
        yield opened_one


@pytest.fixture
def source(application: Application) -> Source:
    return application.source


@pytest.fixture
async def lake(source: Source) -> Lake:
    return await opened(source)


@pytest.fixture
def folder(application: Application) -> Path:
    return application.settings.data_dir / "lake"


async def written(application: Application, lake: Lake, source: Source, *numbers: int) -> Held:
    """Orders of these numbers, measured and written."""
    await measured(application, *numbers)
    generation = await source.generation()
    await lake.write(generation)
    return generation.place


async def differences(lake: Lake, source: Source) -> list[str]:
    return [sentence async for sentence in lake.compare(await source.generation())]


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet"))


def table(folder: Path, name: str) -> polars.DataFrame:
    """The table in the version of the generation that the lake holds, as Polars reads it."""
    entries = polars.read_delta(str(folder / "generations"))
    [version] = entries.filter(polars.col("table") == name)["version"]
    return polars.read_delta(str(folder / name), version=version)


@pytest.mark.slow
async def test_the_lake_holds_the_generation_and_every_document(
    application: Application, lake: Lake, source: Source, folder: Path, database: Database[Any]
) -> None:
    """KPI rows as `kpi show` has them, and a row for each order, by day, without its customer's name and address."""
    place = await written(application, lake, source, *range(20))
    assert await lake.held() == place
    assert await differences(lake, source) == []
    generation = await source.generation()
    for kpi in generation.kpis:
        names = [column.name for column in kpi.columns]
        shown = await rows(application.store, kpi, generation.document)
        held = table(folder, f"kpi_{kpi.name}").select(names)
        exact = [column.name for column in kpi.columns if column.exact]
        assert {held.schema[name] for name in exact} <= {polars.Decimal(20, 2)}
        plain = held.with_columns(polars.col(exact).cast(float))
        assert Counter(plain.rows()) == Counter(tuple(row[name] for name in names) for row in shown)
    orders = table(folder, "commandes")
    assert set(orders["_id"]) == {order["_id"] for order in database.commandes.find()}
    assert sum(orders["minor"]) == sum(order["montant_centimes"] for order in database.commandes.find())
    assert DeltaTable(str(folder / "commandes")).metadata().partition_columns == ["event_date"]
    assert not {"email", "nom", "adresse"} & set(orders.columns)
    [code] = re.findall(r"```py\n(entries = .*?)```", WRITTEN.read_text("utf-8"), re.DOTALL)
    entries, last = code.replace("data/lake", str(folder)).strip().splitlines()
    names: dict[str, Any] = {"polars": polars}
    exec(entries, names)
    assert len(eval(last, names)) == len(table(folder, "kpi_top_products"))


@pytest.mark.slow
def test_the_tables_of_every_domain_can_be_made() -> None:
    """Columns of different names, and days where there are events."""
    every = {"domains": [found.name for found in discovery.found()]}
    for domain in discovery.declared(load(discovery.settings_models(), every, {}, Path("/dev/null"))):
        for facts in tables_of(domain):
            with room(facts, domain.timezone) as made:
                columns = made.none().columns
            own = ["_id", "partition", *facts.fields, *(["event_date"] if facts.event else [])]
            assert sorted(columns) == sorted(own), facts.collection


@pytest.mark.slow
async def test_only_what_has_changed_is_committed(
    application: Application, lake: Lake, source: Source, folder: Path
) -> None:
    """The same generation again commits nothing to a table; new orders are merged, once."""
    await written(application, lake, source, 1, 2)
    before = polars.read_delta(str(folder / "generations"))
    await lake.write(await source.generation())
    assert polars.read_delta(str(folder / "generations")).sort("table").equals(before.sort("table"))
    await written(application, lake, source, 3)
    assert await differences(lake, source) == []
    assert len(table(folder, "commandes")) == len(set(table(folder, "commandes")["_id"]))
    await (await opened(source)).write(await source.generation())  # another process, which knows nothing
    assert await differences(lake, source) == []


@pytest.mark.slow
async def test_documents_that_change_or_end_do_so_in_the_lake(
    application: Application, lake: Lake, source: Source, database: Database[Any]
) -> None:
    await written(application, lake, source, *range(5))
    await written(application, lake, source)
    [first, second, *_] = [order["_id"] for order in database.commandes.find().sort("_id", 1)]
    database.commandes.update_one({"_id": first}, {"$set": {"montant_centimes": 7}})
    database.commandes.delete_one({"_id": second})
    assert await differences(lake, source) == [
        f"commandes: the lake lacks {first} like this",
        f"commandes: the lake has, and MongoDB has not, {first} like this",
        f"commandes: the lake has, and MongoDB has not, {second} like this",
    ]
    database.kpi_partition_versions.update_many({}, {"$inc": {"version": 1}})
    await lake.write(await source.generation())
    assert await differences(lake, source) == []


@pytest.mark.slow
async def test_a_changed_row_is_found(application: Application, lake: Lake, source: Source, folder: Path) -> None:
    """In the versions that the generation names; in another one nobody looks."""
    await written(application, lake, source, 1)
    changed = DeltaTable(str(folder / "kpi_top_products"))
    changed.update({"quantity": "quantity + 1"}, predicate="rank = 1")
    assert await differences(lake, source) == []
    name_version(folder, "kpi_top_products", changed.version())
    assert {sentence.split(":")[0] for sentence in await differences(lake, source)} == {"kpi_top_products"}


def name_version(folder: Path, name: str, version: int) -> None:
    """Change which version of a table belongs to the generation."""
    DeltaTable(str(folder / "generations")).update({"version": str(version)}, predicate=f"\"table\" = '{name}'")


@pytest.mark.slow
async def test_a_document_that_is_there_twice_is_found(
    application: Application, lake: Lake, source: Source, folder: Path
) -> None:
    await written(application, lake, source, 1)
    twice = DeltaTable(str(folder / "commandes"))
    write_deltalake(twice, polars.read_delta(str(folder / "commandes")).head(1), mode="append")
    name_version(folder, "commandes", DeltaTable(str(folder / "commandes")).version())
    [sentence] = await differences(lake, source)
    assert sentence.startswith("commandes: the lake has, and MongoDB has not, ")


def test_two_processes_that_make_a_table_make_it_once(tmp_path: Path) -> None:
    """At the same time, again and again: one may be refused, and tries again; no row is there twice."""

    def write(name: str) -> None:
        with duckdb.connect() as database, suppress(Unavailable):
            rows = database.sql("SELECT range AS _id, DATE '2026-01-01' AS event_date FROM range(5000)")
            Tables(Place(str(tmp_path))).replace(name, rows, {"whole": 1})

    for number in range(10):
        with ThreadPoolExecutor() as threads:
            list(threads.map(write, [str(number)] * 2))
        assert len(polars.read_delta(str(tmp_path / str(number)))) == 5000


@pytest.mark.slow
async def test_of_another_ledger_nothing_stays(
    application: Application, lake: Lake, source: Source, folder: Path, database: Database[Any]
) -> None:
    """After an erasure no file of before is left."""
    await written(application, lake, source, 1, 2)
    before = files(folder)
    database.erasures.insert_one({"_id": "1", "person": "x", "ended_at": application.clock.now()})
    await lake.write(await source.generation())
    assert not before & files(folder)
    assert await differences(lake, source) == []


@pytest.mark.slow
async def test_what_a_generation_has_no_more_is_removed(
    application: Application, lake: Lake, source: Source, folder: Path
) -> None:
    """The table of a KPI that is not declared any more."""
    await written(application, lake, source, 1)
    await measured(application, 2)
    generation = await source.generation()
    kept = tuple(kpi for kpi in generation.kpis if kpi.name != "top_products")
    await lake.write(replace(generation, kpis=kept))
    names = set(polars.read_delta(str(folder / "generations"))["table"])
    assert {entry.name for entry in os.scandir(folder)} == {*names, "generations"}
    assert "kpi_top_products" not in names


@pytest.mark.slow
async def test_a_damaged_table_is_a_sentence(
    application: Application, lake: Lake, source: Source, folder: Path
) -> None:
    await written(application, lake, source, 1)
    (folder / "generations" / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(Unavailable, match=r"The table generations of the lake cannot be read .*\n.*`lake rebuild`"):
        await lake.held()
    await lake.remove()
    await lake.write(await source.generation())
    assert await differences(lake, source) == []


# --- at an S3 server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with bucket(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def remote(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The server, with its keys in the environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3


def at(source: Source, url: str) -> Source:
    return replace(source, settings=source.settings.model_copy(update={"lake_url": url}))


@pytest.mark.slow
async def test_a_lake_in_a_bucket(given: dict[str, Any], remote: Bucket) -> None:
    """The same by one setting, also where a domain chooses the places; through a server that is killed."""
    chosen = {"domains": ("orders", "retail"), "sinks": ("lake",), "lake_url": remote.url}
    settings = loaded({**given, **chosen, "retail.simulated_stores": 2, "retail.simulated_clients": 9})
    async with app.opened(app.workspace(settings)) as application:
        await measured(application, 1)
        assert await app.sink_once(application) == {"lake": 1}
        lake = await opened(application.source)
        remote.kill()
        await measured(application, 0)
        with pytest.raises(Unavailable, match="of the lake cannot be read or written"):
            await lake.write(await application.source.generation())
        await asyncio.to_thread(remote.start)
        assert await app.compare_sinks(application, write=True) == {"lake": (2, [])}
        for place in [*(table.name for domain in application.domains for table in domain.lake), "commandes"]:
            assert DeltaTable(f"{remote.url}/{place}", storage_options={"allow_http": "true"}).version() >= 0
        await lake.remove()
        assert await lake.held() is None


@pytest.mark.slow
async def test_what_is_wrong_with_a_bucket_is_a_sentence(
    source: Source, remote: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("s3://", "gs://lake/x"):
        with pytest.raises(WrongSettings, match="it is a folder, or s3://bucket/prefix"):
            await opened(at(source, url))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(CannotContinue, match=r"cannot be written to: [^\n]*\nThe keys are AWS_ACCESS_KEY_ID") as wrong:
        await opened(at(source, remote.url))
    assert "wrong" not in str(wrong.value)


@pytest.mark.slow
async def test_a_store_that_overwrites_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would lose the commit of one of two writers."""
    with careless_store() as address:
        for name, value in {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        with pytest.raises(CannotContinue, match="this store ignores If-None-Match"):
            await opened(at(source, "s3://any/lake"))


# --- the command line ------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_anywhere_it_holds_one_generation_whole(tmp_path: Path, mongo_uri: str, database: Database[Any]) -> None:
    """Killed while it writes, again and again; then `sink --once`, and `lake verify` finds nothing wrong."""
    shell = Shell(tmp_path, mongo_uri, database.name)
    for number in range(2):
        shell.out("produce", "--orders-per-channel", "40", "--seed", str(number))
        shell.out("collect", "--until-empty")
        shell.out("kpi", "refresh")
        shell.killed_after(0.6 + 0.35 * number, "sink")
    shell.out("sink", "--once")
    assert "all of it, to the cent" in shell.out("lake", "verify")
    before = files(tmp_path / "data" / "lake")
    assert "holds generation" in shell.out("lake", "rebuild")
    assert not before & files(tmp_path / "data" / "lake")
    assert "The lake holds generation" in shell.out("verify")


class Shell:
    """Commands on a data folder whose sink is the lake."""

    def __init__(self, folder: Path, mongo_uri: str, database: str) -> None:
        self._folder = folder
        own = {"MONGO_URI": mongo_uri, "MONGO_DATABASE": database, "SINKS": "lake", "DATA_DIR": str(folder / "data")}
        self._environment = {**os.environ, **{f"MULTIMARKET_{name}": value for name, value in own.items()}}

    def out(self, *words: str) -> str:
        done = subprocess.run(
            [*PROGRAM, *words], cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def killed_after(self, seconds: float, *words: str) -> None:
        with subprocess.Popen([*PROGRAM, *words], cwd=self._folder, env=self._environment, stdout=DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
