"""Cassandra, a real one: it holds exactly one generation, whole, whoever is killed and whenever, and every document."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.generations import rows
from multimarket_async.proving.torture import torture
from multimarket_async.proving.torture.failpoints import SINK_KILLS
from multimarket_async.settings import Settings
from multimarket_async.sinks import Generation, Source
from tests.sinks.cassandra import PASSWORD, USER, Server, server
from tests.sinks.conftest import loaded, measured
from tests.tracing import missing

try:
    import acsylla

    from multimarket_async.sinks.cassandra import check, opened
    from multimarket_async.sinks.cassandra.keyspace import Keyspace
    from multimarket_async.sinks.cassandra.tables import Tables
except ImportError:
    missing("needs the extra `cassandra`")

pytestmark = pytest.mark.slow
SEED, ROUNDS = 2, 3

KILLED = """
import asyncio, json, os, sys
from pathlib import Path
from multimarket_async import app
from multimarket_async.sinks.cassandra.session import Session
from tests.sinks.conftest import loaded

left = [int(sys.argv[1])]
for name in ("fetch", "define", "_write"):
    def counted(real):
        async def call(*given, **more):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), 9)
            return await real(*given, **more)
        return call
    setattr(Session, name, counted(getattr(Session, name)))

async def main():
    given = json.loads(sys.argv[2])
    async with app.opened(app.workspace(loaded({**given, "data_dir": Path(given["data_dir"])}))) as application:
        print(await app.sink_once(application), flush=True)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("cassandra")) as made:
        yield made


@pytest.fixture
def settings(given: dict[str, Any], cassandra: Server) -> dict[str, Any]:
    """A keyspace of its own."""
    secret = {"cassandra_user": USER, "cassandra_password": PASSWORD, "cassandra_keyspace": given["mongo_database"]}
    return {**given, **secret, "sinks": ("cassandra",), "cassandra_hosts": (cassandra.host,)}


@pytest.fixture
async def application(settings: dict[str, Any]) -> AsyncIterator[Application]:
    async with app.opened(app.workspace(loaded(settings))) as made:
        yield made


@pytest.fixture
def source(application: Application) -> Source:
    return application.source


@pytest.fixture
async def keyspace(source: Source) -> AsyncIterator[Keyspace]:
    made = await opened(source)
    yield made
    await made.aclose()


@pytest.fixture
async def ask(settings: dict[str, Any], cassandra: Server) -> AsyncIterator[Any]:
    """The rows of a query, by the driver alone; tables are those of the keyspace."""
    host, port = cassandra.host.split(":")
    own = {"username": USER, "password": PASSWORD, "constant_reconnect_delay_ms": 100, "log_level": "disabled"}
    made = acsylla.create_cluster([host], port=int(port), **own)
    session = await made.create_session()

    async def asked(query: str) -> list[dict[str, Any]]:
        query = query.replace("@", f"{settings['cassandra_keyspace']}.")
        return [row.as_dict() for row in await session.execute(acsylla.create_statement(query))]

    yield asked
    await session.close()
    made.destroy()


async def written(application: Application, keyspace: Keyspace, *numbers: int) -> Generation:
    """Orders of these numbers, measured and written."""
    await measured(application, *numbers)
    generation = await application.source.generation()
    await keyspace.write(generation)
    return generation


async def differences(keyspace: Keyspace, source: Source) -> list[str]:
    return [sentence async for sentence in keyspace.compare(await source.generation())]


async def as_readers_see(ask: Any, application: Application) -> int:
    """The number of the generation that `held` names, all KPIs of which are there; as our documentation says."""
    [held] = await ask("SELECT * FROM @held")
    generation = await application.source.generation(held["generation"])
    for kpi in generation.kpis:
        version = held["versions"][f"kpi_{kpi.name}"]
        found = await ask(f"SELECT * FROM @kpi_{kpi.name} WHERE kpi_version = '{version}'")
        shown = await rows(application.store, kpi, generation.document)
        names = [column.name for column in kpi.columns]
        assert [[_plain(row[name]) for name in names] for row in found] == [
            [row[name] for name in names] for row in shown
        ], kpi.name
    return int(held["generation"])


def _plain(value: Any) -> Any:
    """Amounts are exact in Cassandra."""
    return float(value) if isinstance(value, Decimal) else value


async def test_it_holds_the_generation_and_every_document(
    application: Application, keyspace: Keyspace, source: Source, database: Database[Any], ask: Any
) -> None:
    """KPI rows as `kpi show` has them, in their order; orders without names and addresses, also by day."""
    generation = await written(application, keyspace, *range(20))
    assert await keyspace.held() == generation.place
    assert await differences(keyspace, source) == []
    assert await as_readers_see(ask, application) == 1
    orders = await ask("SELECT * FROM @commandes")
    assert Counter(order["_id"] for order in orders) == Counter(order["_id"] for order in database.commandes.find())
    assert sum(order["minor"] for order in orders) == sum(
        order["montant_centimes"] for order in database.commandes.find()
    )
    assert not {"email", "nom", "adresse"} & set(orders[0])
    day = orders[0]["event_date"]
    of_day = await ask(f"SELECT * FROM @commandes WHERE event_date = '{day}'")
    assert len(of_day) == sum(order["event_date"] == day for order in orders)


async def test_only_what_has_changed_is_written(
    application: Application, keyspace: Keyspace, database: Database[Any], ask: Any
) -> None:
    """A document that was written keeps the time of its write; two versions of each KPI stay, for those who read."""
    await written(application, keyspace, 1, 2)
    before = {row["_id"]: row["at"] for row in await ask('SELECT "_id", writetime(minor) AS at FROM @commandes')}
    await written(application, keyspace, 3)
    await written(application, keyspace, 4)
    await keyspace.write(await application.source.generation())
    after = {row["_id"]: row["at"] for row in await ask('SELECT "_id", writetime(minor) AS at FROM @commandes')}
    assert (len(before), len(after)) == (6, 12)
    assert before.items() <= after.items()
    noted = {row["partition"]: row["version"] for row in await ask("SELECT * FROM @held_partitions")}
    versions = database.kpi_partition_versions.find({"collection": "commandes"})
    assert noted == {"": 0, **{found["partition"]: found["version"] for found in versions}}
    found = await ask("SELECT DISTINCT kpi_version FROM @kpi_top_products")
    assert sorted(row["kpi_version"].partition("-")[0] for row in found) == ["2", "3"]
    found = await ask("SELECT generation FROM @held_versions WHERE kpi = 'kpi_top_products'")
    assert [row["generation"] for row in found] == [2, 3]


async def test_documents_that_change_or_end_do_so_in_cassandra(
    application: Application, keyspace: Keyspace, source: Source, database: Database[Any], ask: Any
) -> None:
    """And each difference is found before. A value that a document has no more is null."""
    await written(application, keyspace, *range(5))
    await measured(application)
    [first, second, third, *_] = [order["_id"] for order in database.commandes.find().sort("_id", 1)]
    database.commandes.update_one({"_id": first}, {"$set": {"montant_centimes": 7}})
    database.commandes.delete_one({"_id": second})
    database.commandes.update_one({"_id": third}, {"$unset": {"client_id": 1}})
    assert await differences(keyspace, source) == [
        f"commandes: Cassandra has {first} otherwise",
        f"commandes: Cassandra has {second}, and MongoDB has not",
        f"commandes: Cassandra has {third} otherwise",
    ]
    database.kpi_partition_versions.update_many({}, {"$inc": {"version": 1}})
    await written(application, keyspace, 6)
    assert await differences(keyspace, source) == []
    found = {row["_id"]: row for row in await ask("SELECT * FROM @commandes")}
    assert (found[first]["minor"], second in found, found[third]["customer"]) == (7, False, None)


async def test_a_changed_row_is_found(application: Application, keyspace: Keyspace, source: Source, ask: Any) -> None:
    await written(application, keyspace, 1)
    [row, *_] = await ask("SELECT kpi_version, kpi_position FROM @kpi_top_products")
    where = f"kpi_version = '{row['kpi_version']}' AND kpi_position = {row['kpi_position']}"
    await ask(f"UPDATE @kpi_top_products SET quantity = 999 WHERE {where}")
    assert [sentence.partition(":")[0] for sentence in await differences(keyspace, source)] == ["top_products"] * 2


async def test_of_another_ledger_nothing_stays(
    application: Application, keyspace: Keyspace, source: Source, database: Database[Any], ask: Any
) -> None:
    """As after an erasure; and a KPI that is not declared any more goes."""
    await written(application, keyspace, 1, 2)
    database.erasures.insert_one({"_id": "1", "person": "x", "ended_at": application.clock.now()})
    database.commandes.delete_many({})
    await keyspace.write(await source.generation())
    assert await ask("SELECT * FROM @commandes") == []
    assert [row["generation"] for row in await ask("SELECT * FROM @held_versions WHERE kpi = 'kpi_top_products'")] == [
        1
    ]
    assert await as_readers_see(ask, application) == 1
    await measured(application, 3)
    generation = await source.generation()
    await keyspace.write(replace(generation, kpis=generation.kpis[1:]))
    names = {row["name"] for row in await ask("SELECT name FROM @held_tables")}
    assert names == {"commandes", *(f"kpi_{kpi.name}" for kpi in generation.kpis[1:])}


async def test_two_writers_leave_the_newest_whole(
    application: Application, keyspace: Keyspace, source: Source, ask: Any
) -> None:
    """At the same time; one of them may be refused, and tries again."""
    other = await opened(source)
    every = [await written(application, keyspace, 0)]
    for number in range(1, 4):
        await measured(application, number)
        every.append(await source.generation())

    async def each(made: Keyspace, generations: list[Generation]) -> None:
        for generation in generations:
            try:
                await made.write(generation)
            except Unavailable:
                await made.write(generation)

    await asyncio.gather(each(keyspace, every), each(other, every[::-1]))
    await other.aclose()
    assert await as_readers_see(ask, application) == 4
    assert await differences(keyspace, source) == []


async def test_tables_of_other_domains(settings: dict[str, Any], ask: Any) -> None:
    """Reference tables, which have no days, and lists."""
    chosen = {"domains": ("retail",), "retail.simulated_stores": 2, "retail.simulated_clients": 9}
    async with app.opened(app.workspace(loaded({**settings, **chosen}))) as application:
        await measured(application, 0)
        assert await app.sink_once(application) == {"cassandra": 1}
        assert (await app.compare_sinks(application))["cassandra"] == (1, [])
    assert len(await ask("SELECT * FROM @retail_stores")) == 2


# --- faults ----------------------------------------------------------------------------------------


def killed_at(call: int, settings: dict[str, Any]) -> bool:
    """Write in a process of its own, which dies before this call of the server; False if it has done all before."""
    given = json.dumps({**settings, "data_dir": str(settings["data_dir"])})
    command = [sys.executable, "-c", KILLED, str(call), given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


async def test_a_writer_killed_at_any_call_leaves_one_generation(
    settings: dict[str, Any], application: Application, ask: Any
) -> None:
    """The one before, or the new one, for those who read; the next writer goes on from there."""
    await measured(application, 0)
    deaths = await asyncio.to_thread(killed_at, 17, settings)  # while it makes tables
    assert await app.sink_once(application) == {"cassandra": 1}
    for call in (8, 27, 48):
        number = await measured(application, call)
        deaths += await asyncio.to_thread(killed_at, call, settings)
        assert await as_readers_see(ask, application) in (number - 1, number)
        assert await app.sink_once(application) == {"cassandra": number}
        assert await as_readers_see(ask, application) == number
        assert (await app.compare_sinks(application))["cassandra"] == (number, [])
    assert deaths == 4


async def test_a_table_that_is_gone_is_made_again(application: Application, ask: Any) -> None:
    """With its rows, though neither a KPI nor a document has changed."""
    await measured(application, 0)
    await app.sink_once(application)
    for table in ("kpi_top_products", "commandes"):
        await ask(f"DROP TABLE @{table}")
        assert await app.sink_once(application) == {"cassandra": 1}
        assert (await app.compare_sinks(application))["cassandra"] == (1, [])


async def test_what_another_writer_has_made_is_not_dropped(
    application: Application, keyspace: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a writer who has looked before it was there."""
    made, make = list[Any](), Tables.make

    async def noted(tables: Tables, *words: Any) -> bool:
        made.append(words)
        return await make(tables, *words)

    await keyspace._tables.prepare()
    monkeypatch.setattr(Tables, "make", noted)
    await measured(application, 0)
    await app.sink_once(application)
    assert [await make(keyspace._tables, *words) for words in made] == [False] * len(made)
    assert len(made) > 1
    assert (await app.compare_sinks(application))["cassandra"] == (1, [])


async def test_torture_breaks_no_promise(tmp_path: Path, cassandra: Server, ask: Any) -> None:
    """Workers are killed at named points of the sink; of the keyspaces of its rounds none is left."""
    access = {"cassandra_hosts": (cassandra.host,), "cassandra_user": USER, "cassandra_password": PASSWORD}
    rounds = await torture(tmp_path, SEED, range(ROUNDS), sinks=("cassandra",), cassandra=access)
    assert [(done.number, done.violations) for done in rounds] == [(number, []) for number in range(ROUNDS)]
    assert {kill.name for kill in SINK_KILLS["cassandra"]} & {name for done in rounds for name in done.injected}
    keyspaces = await ask("SELECT keyspace_name FROM system_schema.keyspaces")
    assert [row for row in keyspaces if row["keyspace_name"].startswith("torture_")] == []


@pytest.mark.parametrize(
    ("changed", "error", "sentence"),
    [
        ({"cassandra_password": "guess"}, CannotContinue, "refuses cassandra_user: Bad credentials"),
        ({"cassandra_user": ""}, CannotContinue, "refuses cassandra_user: Bad credentials"),
        ({"cassandra_hosts": ("127.0.0.1:1",)}, Unavailable, "Cassandra at 127.0.0.1:1 is not available: "),
        ({"cassandra_hosts": ("a:1", "b:2")}, WrongSettings, "Expected the hosts of one cluster, with one port"),
    ],
)
async def test_what_is_wrong_is_one_sentence(
    settings: dict[str, Any], changed: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    """Without the password."""
    own = {name: value for name, value in settings.items() if name.startswith("cassandra")}
    with pytest.raises(error) as raised:
        await check(Settings.model_validate({**own, **changed}))
    assert sentence in str(raised.value)
    assert "guess" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def answers(ask: Any) -> bool:
    with suppress(acsylla.errors.CassException):
        return bool(await ask("SELECT * FROM system.local"))
    return False


async def test_a_killed_server_comes_back_and_the_sink_catches_up(
    settings: dict[str, Any], application: Application, cassandra: Server, tmp_path: Path, ask: Any
) -> None:
    """Meanwhile each command says what is wrong; afterwards nothing is lost, and nothing there twice."""
    await measured(application, 0)
    await app.sink_once(application)
    cassandra.kill()
    number = await measured(application, 1)
    assert "is not available" in str((await app.sink_once(application))["cassandra"])
    words = {name: value for name, value in settings.items() if name.startswith(("cassandra", "mongo", "sinks"))}
    given = {f"MULTIMARKET_{name.upper()}": "".join(value) for name, value in words.items()}
    command = [sys.executable, "-m", "multimarket_async"]
    done = await asyncio.create_subprocess_exec(
        *command, "doctor", cwd=tmp_path, env={**os.environ, **given, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=-1, stderr=-1,
    )  # fmt: skip
    out, err = await done.communicate()
    assert (done.returncode, b"Traceback" in out + err) == (3, False)
    assert "is not available" in " ".join((out + err).decode().split())
    await asyncio.to_thread(cassandra.start)
    async with asyncio.timeout(300):
        while not await answers(ask):  # noqa: ASYNC110 - the driver connects again when it likes
            await asyncio.sleep(0.1)
    assert await app.sink_once(application) == {"cassandra": number}
    assert await as_readers_see(ask, application) == number
    assert (await app.compare_sinks(application))["cassandra"] == (number, [])
