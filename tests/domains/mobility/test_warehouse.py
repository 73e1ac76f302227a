"""The star schema equals the documents, and a date has one file: the same bytes of the same rows."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.domains.mobility.grafana import PANELS
from tests.sinks.conftest import HASTE, loaded, postgres, postgres_uri  # noqa: F401 - fixtures
from tests.sinks.test_warehouse import ask

pytestmark = pytest.mark.slow
UNTIL = datetime(2026, 5, 13, 1, tzinfo=UTC)


async def written(application: Application, *numbers: int) -> dict[str, int | str]:
    """Deliver, collect, measure, and write to both."""
    await deliver(application, *numbers)
    await application.collector().until_empty()
    snapshotter = application.snapshotter()
    try:
        await snapshotter.refresh()
    finally:
        await snapshotter.aclose()
    return await app.sink_once(application)


async def deliver(application: Application, *numbers: int) -> None:
    for feed, landing in application.feeds:
        assert feed.simulate
        for number in numbers:
            delivery = feed.simulate(1, number, UNTIL - timedelta(days=3), UNTIL)
            await landing.deliver(delivery.name, delivery.content)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of each file."""
    found = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert not [name for name in found if name.startswith(".")]
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


def days(names: set[str]) -> set[str]:
    """The dates of files, each of which has two."""
    found = {name.partition(".")[0] for name in names} - {"mapping"}
    assert {f"{day}.{suffix}" for day in found for suffix in ("csv", "bulk.ndjson")} == names - {"mapping.json"}
    return found


async def test_the_warehouse_and_the_files_of_dates_are_those_of_the_documents(
    mongo_uri: str,
    database: "Database[Any]",
    tmp_path: Path,
    postgres_uri: str,  # noqa: F811
) -> None:
    """Only days that are over have files; late data change theirs alone; a second run writes the same bytes."""
    given = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name, **HASTE}
    settings = loaded({**given, "domains": ("mobility",), "sinks": ("warehouse",), "postgres_uri": postgres_uri})
    folder = given["data_dir"] / "exports" / "mobility"
    async with app.opened(app.workspace(settings)) as application:
        assert await written(application, *range(2, 50, 6)) == {"warehouse": 1, "export": 1}
        before = files(folder)
        await written(application, 0, 1)  # 12 May is over now
        after = files(folder)
        assert days(changed({}, before)) == {"2026-05-11"}
        assert days(changed(before, after)) == {"2026-05-12"}
        await written(application, 48)  # late: an hour of the 11th
        assert days(changed(after, last := files(folder))) == {"2026-05-11"}
        assert await app.compare_sinks(application) == {"warehouse": (3, []), "export": (3, [])}
    counted = await ask(postgres_uri, "SELECT count(DISTINCT point_id) FROM fact_status_slot")
    assert counted == [(len(database["mobility_points"].distinct("id_pdc")),)]
    assert all([await ask(postgres_uri, panel.query.replace("$__timeFilter", "0 < num_nonnulls")) for panel in PANELS])
    rows_and_lines(folder / "2026-05-12.csv", folder / "2026-05-12.bulk.ndjson")
    (tmp_path / "data" / "exports.duckdb").unlink()
    (tmp_path / "data" / "exports" / ".held.json").unlink()
    async with app.opened(app.workspace(settings)) as application:
        await written(application)
        assert files(folder) == last  # the same bytes, and not even written


def rows_and_lines(as_csv: Path, bulk: Path) -> None:
    """A row a slot and station, and two lines for it, with the key as the id and a place for maps."""
    rows, lines = list(csv.DictReader(as_csv.read_text("utf-8").splitlines())), bulk.read_text("utf-8").splitlines()
    assert len({row["station_id"] for row in rows}) > 20
    assert len(lines) == 2 * len(rows)
    action, source = map(json.loads, lines[:2])
    assert action["index"]["_id"] == f"2026-05-12/00-03/{rows[0]['station_id']}"
    assert source["location"] == {"lon": float(rows[0]["longitude"]), "lat": float(rows[0]["latitude"])}
