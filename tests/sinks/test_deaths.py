"""The warehouse holds exactly one generation, whole, whoever is killed and whenever; and no server is left behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.errors import CannotContinue
from multimarket_async.sinks.warehouse import program
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres
from tests.sinks.conftest import HASTE, loaded, measured, running
from tests.sinks.test_warehouse import ask

pytestmark = pytest.mark.slow

KILLED = """
import asyncio, json, os, sys
from pathlib import Path
import asyncpg
from multimarket_async import app
from tests.sinks.conftest import loaded

left = [int(sys.argv[1])]
for name in ("execute", "fetch", "fetchrow", "fetchval", "copy_records_to_table"):
    def counted(real):
        async def call(*given, **more):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), 9)
            return await real(*given, **more)
        return call
    setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))

async def main():
    given = json.loads(sys.argv[2])
    async with app.opened(app.workspace(loaded({**given, "data_dir": Path(given["data_dir"])}))) as application:
        print(await app.sink_once(application), flush=True)

asyncio.run(main())
"""


@pytest.fixture
def settings(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> dict[str, Any]:
    own = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name}
    return {**own, **HASTE, "sinks": ("warehouse",)}


@asynccontextmanager
async def opened(settings: dict[str, Any]) -> AsyncIterator[Application]:
    async with app.opened(app.workspace(loaded(settings))) as application:
        yield application


async def until(holds: Callable[[], bool], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


def killed_at(statement: int, settings: dict[str, Any]) -> bool:
    """Write in a process of its own, which dies before this statement; False if it has done all before."""
    given = json.dumps({**settings, "data_dir": str(settings["data_dir"])})
    command = [sys.executable, "-c", KILLED, str(statement), given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


async def test_a_writer_killed_at_any_statement_leaves_one_generation(
    settings: dict[str, Any], postgres_uri: str
) -> None:
    """The one before, or the new one; the next writer goes on from there."""
    settings = {**settings, "postgres_uri": postgres_uri}
    deaths = 0
    async with opened(settings) as application:
        await measured(application, 0)
        await app.sink_once(application)
        for statement in (2, 23, 60, 95):
            number = await measured(application, statement)
            deaths += await asyncio.to_thread(killed_at, statement, settings)
            held, differences = (await app.compare_sinks(application))["warehouse"]
            assert held in (number - 1, number)
            if held == number - 1:
                assert [words for words in differences if "star" not in words] == []
            assert await app.sink_once(application) == {"warehouse": number}
            assert (await app.compare_sinks(application))["warehouse"] == (number, [])
    assert deaths > 2


async def test_a_killed_postgres_comes_back_and_the_sink_catches_up(settings: dict[str, Any]) -> None:
    """On the same port; meanwhile files are collected."""
    async with opened(settings) as application:
        address = settings["data_dir"] / "postgres" / "server.json"
        with capture_logs() as entries:
            async with running(application):
                await until(lambda: any(entry["event"] == "sink.written" for entry in entries) or not address.exists())
                await measured(application, 1)
                await until(lambda: any(entry["event"] == "sink.written" for entry in entries))
                before = json.loads(address.read_text())
                os.kill(before["pid"], signal.SIGKILL)
                number = await measured(application, 2)
                await until(lambda: written_last(entries) >= number)
                after = json.loads(address.read_text())
        assert (after["port"], after["pid"] != before["pid"]) == (before["port"], True)
        assert (await app.compare_sinks(application))["warehouse"][1] == []
    assert postgreses(settings["data_dir"]) == []


async def answers(uri: str, within_s: float = 60) -> None:
    """Wait until a server lets its user in."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                assert await ask(uri, "SELECT 1") == [(1,)]
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
            else:
                return


def written_last(entries: Any) -> int:
    return max((entry["generation"] for entry in entries if entry["event"] == "sink.written"), default=0)


def postgreses(folder: Path) -> list[int]:
    """Every server that works on this folder, whoever started it."""
    wanted, found = str(folder / "postgres" / "db").encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_a_second_process_shares_the_server_and_takes_it_over(tmp_path: Path) -> None:
    """Its passwords and its port are the same; it is stopped by the last one."""
    folder = tmp_path / "postgres"
    first, second = (EmbeddedPostgres(folder, port=0, schema="multimarket") for _ in range(2))
    try:
        assert await first.start() == await second.start()
        assert (first.owned, second.owned) == (True, False)
        pid = json.loads((folder / "server.json").read_text())["pid"]
        if first._watching:
            first._watching.cancel()
        first._folder.unlock()  # as the kernel does for a dead process
        os.kill(pid, signal.SIGINT)
        await until(lambda: second.owned and json.loads((folder / "server.json").read_text())["pid"] != pid)
        await answers(second.uri)
    finally:
        await second.aclose()
        await first.aclose()
    assert postgreses(tmp_path) == []


OWNER = """
import asyncio, sys
from pathlib import Path
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]), port=0, schema="multimarket")
    print(await server.start(), flush=True)
    await asyncio.sleep(600)

import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(main())
"""


async def test_it_ends_with_its_owner(tmp_path: Path) -> None:
    """Also when that is killed; nobody without the password gets in meanwhile."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, tmp_path / "postgres", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert owner.stdout
        uri = (await owner.stdout.readline()).decode().strip()
        assert await ask(uri, "SELECT 1") == [(1,)]
        assert len(postgreses(tmp_path)) == 1
        for user in ("multimarket", "postgres", "bi"):
            port = uri.rpartition(":")[2].partition("/")[0]
            with pytest.raises(asyncpg.PostgresError):
                await asyncpg.connect(f"postgresql://{user}:guess@127.0.0.1:{port}/postgres")
    finally:
        owner.kill()
        await owner.wait()
    await until(lambda: postgreses(tmp_path) == [])


async def test_lost_passwords_are_one_sentence(tmp_path: Path) -> None:
    """Which file to restore."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder, port=0, schema="multimarket")
    await server.start()
    await server.aclose()
    (folder / "passwords.json").unlink()
    again = EmbeddedPostgres(folder, port=0, schema="multimarket")
    with pytest.raises(CannotContinue, match=r"does not accept the password in .*passwords\.json"):
        await again.start()
    await again.aclose()
    assert postgreses(tmp_path) == []


def command(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: at for name, at in os.environ.items() if not name.startswith("MULTIMARKET_")}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "MULTIMARKET_SINKS": "warehouse", **environ}
    started = [sys.executable, "-m", "multimarket_async", *words]
    return subprocess.run(started, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def started(folder: Path) -> "subprocess.Popen[bytes]":
    """`run` with the warehouse, without producing or HTTP."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "MULTIMARKET_SINKS": "warehouse"}
    words = [sys.executable, "-m", "multimarket_async", "run", "--no-produce", "--no-http"]
    return subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """demo reads the tables back, verify compares them; status and doctor show the warehouse."""
    demo = command(tmp_path, "demo", "--orders-per-channel", "60")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "The warehouse holds generation 1: all of it, to the cent." in demo.stdout
    once = command(tmp_path, "sink", "--once")
    assert (once.returncode, once.stdout) == (0, "warehouse: holds generation 1\n")
    verified = command(tmp_path, "verify", "--format", "json")
    assert json.loads(verified.stdout)["sinks"] == {"warehouse": 1}
    assert "Sink warehouse holds generation 1." in " ".join(command(tmp_path, "status").stdout.split())
    assert "embedded PostgreSQL" in " ".join(command(tmp_path, "doctor").stdout.split())
    assert postgreses(tmp_path) == []


def test_a_client_reads_the_address_that_bi_prints(tmp_path: Path) -> None:
    """psql, while `run` runs: what `kpi show` shows."""
    assert command(tmp_path, "demo", "--orders-per-channel", "60").returncode == 0
    bi = command(tmp_path, "bi")
    address = bi.stdout.splitlines()[-1]
    assert address.startswith("postgresql://bi:")
    assert "Power BI" in bi.stderr
    shown = json.loads(command(tmp_path, "kpi", "show", "top_products", "--format", "json").stdout)["rows"]
    with started(tmp_path) as process:
        query = "SELECT json_agg(t ORDER BY rank) FROM (SELECT rank, product, revenue_minor FROM kpi_top_products) t"
        psql = [program.find("psql"), address, "-At", "-c", query]
        deadline = time.monotonic() + 60
        while (done := subprocess.run(psql, capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    names = ("rank", "product", "revenue_minor")
    assert json.loads(done.stdout) == [{name: row[name] for name in names} for row in shown]
    assert postgreses(tmp_path) == []


def test_a_wrong_password_is_one_sentence_and_stops_no_run(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    """doctor says it with 3, so does `sink`; `run` goes on."""
    wrong = postgres.uri.replace("@", "x@")
    assert command(tmp_path, "demo", "--orders-per-channel", "5", MULTIMARKET_SINKS="").returncode == 0
    for words in (("doctor",), ("sink", "--once")):
        done = command(tmp_path, *words, MULTIMARKET_POSTGRES_URI=wrong)
        said = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode, "refuses postgres_uri: password authentication failed" in said) == (3, True), said
        assert "Traceback" not in said
    assert command(tmp_path, "run", "--for", "1", "--no-http", MULTIMARKET_POSTGRES_URI=wrong).returncode == 0
