"""A data folder and a database of an earlier version open with this one, and every order is kept.

`b9db7fc.tar.xz` was written by the commit of that name: `demo --orders-per-channel 8 --lives` with duplicates,
conflicts and bad files, then 6 orders that were collected and not measured, then 3 that still waited. In
`database.json` are its collections as MongoDB Extended JSON, with their options (validator, views).
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo.database import Database

COMMAND = [sys.executable, "-m", "multimarket_async"]
WRITTEN = Path(__file__).parent / "b9db7fc.tar.xz"
RETIRED = {"kpi_touched", "kpi_partitions", "kpi_periods", "kpi_dirty_partitions"}
UTC_DATES = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)


def restored(folder: Path, database: Database[Any]) -> set[str]:
    """Put folder and database back; the keys of the stored documents."""
    with tarfile.open(WRITTEN) as archive:
        archive.extractall(folder, filter="data")
    content = json_util.loads((folder / "database.json").read_text("utf-8"), json_options=UTC_DATES)
    for name, options in content["options"].items():
        database.create_collection(name, **options)
    for name, documents in content["documents"].items():
        database[name].insert_many(documents)
    return {document["_id"] for document in content["documents"]["commandes"]}


@pytest.fixture
def earlier(tmp_path: Path, mongo_uri: str, database: Database[Any]) -> set[str]:
    return restored(tmp_path / "data", database)


def run(folder: Path, uri: str, database: str, *words: str) -> str:
    given = {"MONGO_URI": uri, "MONGO_DATABASE": database, "DATA_DIR": str(folder / "data"), "QUIET_PERIOD_S": "0"}
    environ = {**os.environ, **{f"MULTIMARKET_{name}": value for name, value in given.items()}}
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_opens_and_keeps_every_order(
    earlier: set[str], tmp_path: Path, mongo_uri: str, database: Database[Any]
) -> None:
    """Waiting files are collected, unmeasured orders measured, the numbers right, and old derived names gone."""

    def command(*words: str) -> str:
        return run(tmp_path, mongo_uri, database.name, *words)

    before = json.loads(command("kpi", "show", "cancellation_rate_by_channel", "--format", "json"))
    assert (before["generation"], sum(row["orders"] for row in before["rows"])) == (1, 21)

    command("collect", "--until-empty")
    command("kpi", "refresh")
    keys = {document["_id"] for document in database["commandes"].find()}
    assert (earlier < keys, len(earlier), len(keys)) == (True, 27, 30)
    report = json.loads(command("verify", "--format", "json"))
    assert (report["right"], report["differences"]) == (True, [])
    now = json.loads(command("kpi", "show", "cancellation_rate_by_channel", "--format", "json"))
    assert (now["generation"], sum(row["orders"] for row in now["rows"])) == (2, 30)
    assert not RETIRED & set(database.list_collection_names())


@pytest.mark.slow
def test_its_quarantine_and_its_generations_are_read(
    earlier: set[str], tmp_path: Path, mongo_uri: str, database: Database[Any]
) -> None:
    """With the time at which each file was quarantined, and the order of both."""

    def command(*words: str) -> Any:
        return json.loads(run(tmp_path, mongo_uri, database.name, *words, "--format", "json"))

    quarantined = command("quarantine", "list")
    assert sorted(file["code"] for file in quarantined) == [
        "conflict",
        "conflict",
        "duplicate_key",
        "empty_text",
        "nul_in_key",
    ]
    assert all(file["quarantined_at"].startswith("2026-11-28T") for file in quarantined)
    run(tmp_path, mongo_uri, database.name, "kpi", "refresh")
    shown = command("kpi", "show", "top_products", "--generation", "1")
    assert (shown["generation"], len(shown["rows"])) == (1, 10)
