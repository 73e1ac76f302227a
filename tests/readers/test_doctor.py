"""doctor: findings say what is missing and what to do, and never show a password."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import Landing
from multimarket_async.readers.doctor import FAULT, OK, WARNING, Finding, examine, ports
from multimarket_async.settings import Settings, load
from multimarket_async.store import Server, find_mongod
from multimarket_async.supervised import free_port

PASSWORD = "hush-hush"


class Usage(NamedTuple):
    free: int


async def findings(folder: Path, **settings: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine(Settings(data_dir=folder, **settings), clock=Clock())}


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, script: str) -> None:
    (folder / "mongod").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / "mongod").chmod(0o755)


async def test_your_own_mongodb_answers(tmp_path: Path, mongo_uri: str) -> None:
    """Everything is there."""
    found = await findings(tmp_path, mongo_uri=mongo_uri)
    assert [finding for finding in found.values() if finding.level != OK] == []
    assert found["MongoDB"].found.endswith(" answers")
    machine = {"Python", "file operations", "domains", "time zone", "data folder", "file systems", "disk space"}
    mongodb = {"MongoDB", "MongoDB version", "clocks", "rights", "journal", "database", "collections"}
    assert set(found) == {*machine, "open files", *mongodb}


async def test_compiled_file_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error where they are not, but shown."""
    assert (await findings(tmp_path))["file operations"].found == "compiled"
    monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    found = (await findings(tmp_path))["file operations"]
    assert found.level == OK
    assert "install a C compiler" in found.found


async def test_a_directory_that_files_cannot_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault, under the name of its feed, found before a file is stuck."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != landing.sources)
    examined = await examine(Settings(data_dir=tmp_path), [], [landing], clock=Clock())
    [found] = [finding for finding in examined if finding.check == "north"]
    assert found.level == FAULT
    assert found.found.startswith(f"{landing.sources} cannot be written to")


async def test_folders_that_other_users_can_enter(tmp_path: Path) -> None:
    """As those of earlier versions; with the command that closes them."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    landing.archived.chmod(0o755)
    examined = await examine(Settings(data_dir=tmp_path), [], [landing], clock=Clock())
    [found] = [finding for finding in examined if finding.check == "other users"]
    assert (found.level, found.found.partition(": ")[2]) == (WARNING, f"chmod 700 {landing.archived}")


@pytest.mark.parametrize(("line", "level"), [("mongo_uri = 'mongodb://a:b@c/'", WARNING), ("seed = 1", None)])
async def test_a_settings_file_with_a_password_that_all_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, level: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/multimarket.toml").write_text(line, "utf-8")
    (tmp_path / "config/multimarket.toml").chmod(0o644)
    found = (await findings(tmp_path)).get("other users")
    assert (found and found.level) == level


async def test_your_own_mongodb_does_not_answer(tmp_path: Path) -> None:
    """Its URI without the password, and the reason."""
    found = (await findings(tmp_path, mongo_uri=f"mongodb://shop:{PASSWORD}@127.0.0.1:1/"))["MongoDB"]
    assert found.level == FAULT
    assert found.found.startswith("mongodb://***@127.0.0.1:1/ cannot be used: ")
    assert PASSWORD not in found.found


async def test_the_version_of_the_embedded_mongod(tmp_path: Path, bin_folder: Path) -> None:
    """Of the program that would be started."""
    program(bin_folder, "echo 'db version v6.0.5'; echo more")
    found = (await findings(tmp_path))["MongoDB"]
    assert found == Finding("MongoDB", OK, f"embedded, db version v6.0.5, {bin_folder}/mongod")


async def test_a_mongod_that_lacks_a_library_is_found(tmp_path: Path, bin_folder: Path) -> None:
    """The message of the loader is shown."""
    program(bin_folder, "echo 'error while loading shared libraries: libcurl.so.4' >&2; exit 127")
    found = (await findings(tmp_path))["MongoDB"]
    assert found.level == FAULT
    assert "libcurl.so.4" in found.found


async def test_a_file_that_is_no_program_is_found(tmp_path: Path, bin_folder: Path) -> None:
    """Built for another machine, say."""
    (bin_folder / "mongod").write_bytes(b"\x7fELFx")
    (bin_folder / "mongod").chmod(0o755)
    assert (await findings(tmp_path))["MongoDB"].level == FAULT


async def test_without_a_mongod_on_path_the_wheels_is_used(tmp_path: Path, bin_folder: Path) -> None:
    """The one that this package brings."""
    found = (await findings(tmp_path))["MongoDB"]
    assert found.level == OK
    assert "fiftyone" in found.found
    assert "past its end of life" in found.found


async def test_too_little_space_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_uri: str) -> None:
    """With the way out."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=1 << 30))
    found = (await findings(tmp_path, mongo_uri=mongo_uri))["disk space"]
    assert found == Finding(
        "disk space", FAULT, f"{tmp_path}: only 1.0 GiB free: make room, or move the data folder with --data-dir"
    )


async def test_a_folder_that_cannot_be_written_to_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_uri: str
) -> None:
    """Root may write anywhere, so the system's answer is played."""
    monkeypatch.setattr("os.access", lambda *_: False)
    found = (await findings(tmp_path, mongo_uri=mongo_uri))["data folder"]
    assert found == Finding("data folder", FAULT, f"{tmp_path} cannot be written to: change its owner")


async def test_a_uri_that_is_none_is_a_finding_too(tmp_path: Path) -> None:
    """One wrong check hides no other, and shows no password."""
    found = (await findings(tmp_path, mongo_uri=f"mongodb://shop:p/{PASSWORD}@db.example/"))["MongoDB"]
    assert found.level == FAULT
    assert PASSWORD not in found.found


# --- what stands in the way in MongoDB ------------------------------------------------------


async def of_orders(folder: Path, mongo_uri: str, database: Database[Any]) -> list[Finding]:
    """The findings that are not ok, with the domain that is on by default."""
    settings = Settings(data_dir=folder, mongo_uri=SecretStr(mongo_uri), mongo_database=database.name)
    orders = ORDERS.under(load({"orders": OrderSettings}, {}, {}, Path("/nowhere")))
    found = await examine(settings, [orders], clock=Clock())
    return [finding for finding in found if finding.level != OK]


Change = Callable[[Database[Any]], object]
IN_THE_WAY: list[tuple[Change, str, str]] = [
    (
        lambda database: database["commandes"].create_index("order_id", unique=True),
        "indexes",
        "commandes: its index order_id_1 refuses a second document with the same order_id: drop it",
    ),
    (
        lambda database: database["commandes"].create_index("date_commande", expireAfterSeconds=60),
        "indexes",
        "commandes: its index date_commande_1 deletes documents after a while: drop it",
    ),
    (
        lambda database: database.create_collection("commandes", capped=True, size=4096),
        "collections",
        "nothing can be stored in commandes: it is a capped collection, which drops its oldest documents",
    ),
    (
        lambda database: database.create_collection("receipts", collation={"locale": "fr"}),
        "collections",
        "nothing can be stored in receipts: it is a collection with a collation",
    ),
    (
        lambda database: database.create_collection("commandes", validator={"theirs": 1}),
        "collections",
        "commandes has a validator, which may refuse documents of ours: remove it with collMod",
    ),
    (
        lambda database: database.create_collection("kpi_top_products"),
        "collections",
        "kpi_top_products is not MultiMarket's view: rename or drop it",
    ),
    (
        lambda database: database["kpi_snapshots"].insert_one(
            {"_id": 1, "as_of": datetime(2026, 3, 1, tzinfo=UTC), "kpis": {}, "foreign": {"orders": 3}}
        ),
        "documents",
        "3 of orders are not MultiMarket's: they are left out of all KPIs",
    ),
    (
        lambda database: database["kpi_snapshots"].insert_one({"note": "of somebody else"}),
        "documents",
        "1 of kpi_snapshots are not MultiMarket's: they are left out of all KPIs",
    ),
    (
        lambda database: database["kpi_partition_versions"].insert_one({"_id": "commandes x", "version": "2"}),
        "documents",
        "1 of kpi_partition_versions are not MultiMarket's: they are left out of all KPIs",
    ),
]


@pytest.mark.parametrize("made", IN_THE_WAY, ids=lambda made: made[2][:40])
async def test_what_others_made_is_found(
    tmp_path: Path, mongo_uri: str, database: Database[Any], made: tuple[Change, str, str]
) -> None:
    """One line, with what to do."""
    change, check, found = made
    change(database)
    [finding] = await of_orders(tmp_path, mongo_uri, database)
    assert (finding.check, finding.ends) == (check, False)
    assert finding.found.startswith(found)


async def test_an_older_mongodb_is_found(
    tmp_path: Path, mongo_uri: str, database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No older one can be installed here, so its answer is played."""

    async def old(_: object) -> str:
        return "5.0.31"

    monkeypatch.setattr(Server, "version", old)
    [finding] = await of_orders(tmp_path, mongo_uri, database)
    assert (finding.check, finding.level) == ("MongoDB version", FAULT)
    assert finding.found.startswith("5.0.31: 6.0 is the lowest supported one.")


async def test_a_clock_that_is_wrong_is_found(tmp_path: Path, mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By how much, and which way."""

    async def ahead(_: object) -> datetime:
        return Clock().now() + timedelta(seconds=90)

    monkeypatch.setattr(Server, "now", ahead)
    found = (await findings(tmp_path, mongo_uri=mongo_uri))["clocks"]
    assert found.found == "MongoDB's is 90 s ahead of the one here: synchronise both with NTP"


async def test_a_database_of_the_same_name_in_other_letters(
    tmp_path: Path, mongo_uri: str, database: Database[Any]
) -> None:
    """MongoDB would refuse the first document."""
    database["any"].insert_one({})
    found = (await findings(tmp_path, mongo_uri=mongo_uri, mongo_database=database.name.upper()))["database"]
    assert found.ends
    assert f"there is a database {database.name}, " in found.found


async def test_nobody_is_logged_in(tmp_path: Path, mongo_uri: str) -> None:
    """Such a server answers, and does nothing."""
    anonymous = re.sub(r"://[^@/]*@", "://", mongo_uri)
    found = (await findings(tmp_path, mongo_uri=anonymous))["rights"]
    assert found == Finding(
        "rights", FAULT, "MongoDB wants a user and a password: write them into mongo_uri", ends=True
    )


@pytest.mark.slow
async def test_a_server_without_a_journal_is_found(tmp_path: Path) -> None:
    """It would take every document and could lose it."""
    port, folder = free_port(None), tmp_path / "db"
    folder.mkdir()
    options = ["--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1", "--nojournal", "--nounixsocket"]
    server = subprocess.Popen([find_mongod(), *options], stdout=subprocess.DEVNULL)  # noqa: ASYNC220 - for this test
    try:
        uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=60000"
        found = await findings(tmp_path, mongo_uri=uri)
    finally:
        server.kill()
        server.wait()
    assert found["journal"].ends
    assert found["journal"].found.endswith("Start mongod with its journal")
    assert found["rights"].found == "MongoDB lets everybody in: turn its access control on"


# --- what stands in the way on this machine ---------------------------------------------------


async def test_few_open_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mongod needs most of them."""
    monkeypatch.setattr("multimarket_async.readers.doctor.machine.descriptors.limit", lambda: 64)
    found = (await findings(tmp_path))["open files"]
    assert (found.level, found.found) == (
        FAULT,
        "a process may open 64 files: `ulimit -n 1024` before the start allows more",
    )


def test_a_port_that_is_taken_is_found(tmp_path: Path) -> None:
    """By another program, and not by our own run."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        [finding] = ports(Settings(data_dir=tmp_path, http_port=port))
    assert finding.level == WARNING
    assert finding.found.startswith(f"{port} is taken by another program")
    [finding] = ports(Settings(data_dir=tmp_path, http_port=port))
    assert finding == Finding("HTTP port", OK, f"http://127.0.0.1:{port} is free")
