"""Models on Spark, from the lake: of the same rows as those of this process, about as good, and with about the answers.

The tolerances are about twice the largest difference over five seeds, of the made-up files and of the models, with as
many rows as here: of scores 11, 6.4 and 6.5 % for segments, kinds and forecasts, nothing for prices, which have a
closed form, and 0.05 % for churn; correlations were at least 0.95, 0.78, 1 and 1. With labels that are shuffled before
MLlib fits them, scores are off by more than 100, 44, 3, 60,000 and 60 %: that of the forecast hardly, as made-up demand
is mostly chance. But correlations are at most 0.25 then.
"""

import asyncio
import csv
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.discovery import settings_models
from multimarket_async.jobs.child import UNCHANGED
from multimarket_async.jobs.process import write_task
from multimarket_async.jobs.runner import Runner
from multimarket_async.settings import Loaded, load
from multimarket_async.sinks.lake import opened
from tests.sinks.test_spark import HASTE, environ, python  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # Java on a machine that is busy with other tests
ROOT, PROGRAM = Path(__file__).parents[2], Path(__file__).with_name("on_spark.py")
EARLIEST, LATEST = datetime(2022, 12, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
FILES = {"bikes": 1, "bikeshops": 1, "bike_orders": 160, "omni_clients": 1, "omni_orders": 60, "omni_events": 60}
FILES |= {"omni_social": 60, "omni_truth": 60}
SHOP = datetime(2026, 10, 1, tzinfo=UTC)
# Of each job how far the scores of both may be from each other, of the local one's.
NOISE = {
    "bike_segments": 0.25,
    "bike_affinity": 0.15,
    "bike_forecast": 0.15,
    "bike_price_model": 0.001,
    "churn_risk": 0.005,
}
# Of each job that gives numbers: what they are by, the number, and the least correlation of those of both.
ANSWERS = {
    "bike_affinity": (("shop_id", "kind"), "probability", 0.85),
    "bike_forecast": (("model", "month"), "expected", 0.65),
    "bike_price_model": (("bike",), "expected", 0.9999),
    "churn_risk": (("client",), "probability", 0.999),
}
SUM = "(all)"  # of all models, in the rows of a month
KNOWN = "bike_price_model"


def loaded(engine: str, **given: Any) -> Loaded:
    own = {"MULTIMARKET_BIKES_ENGINE": engine, "MULTIMARKET_OMNISHOP_ENGINE": engine}
    own |= {"MULTIMARKET_OMNISHOP_SHOPPERS": "200", "MULTIMARKET_TIMEZONE": "Europe/Paris"}
    return load(settings_models(), {"domains": ("bikes", "omnishop"), **given}, own, Path(os.devnull))


@pytest.fixture
async def given(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> dict[str, Any]:
    places = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name}
    return {**places, "sinks": ("lake",), "quiet_period_s": 0.1, "spark_master": "local[1]"}


@pytest.fixture
async def application(given: dict[str, Any]) -> AsyncIterator[Application]:
    """With a lake that holds what was made up."""
    async with app.opened(app.workspace(loaded("spark", **given))) as made:
        for feed, landing in made.feeds:
            first = EARLIEST if feed.name.startswith("bike") else SHOP
            for number in range(FILES.get(feed.name, 0)):
                assert feed.simulate
                delivery = feed.simulate(1, number, first, LATEST)
                await landing.deliver(delivery.name, delivery.content)
        await made.collector().until_empty()
        snapshotter = made.snapshotter()
        await snapshotter.refresh()
        await snapshotter.aclose()
        await (await opened(made.source)).write(await made.source.generation())
        yield made


async def test_models_on_spark_are_as_good_as_here(
    application: Application,
    given: dict[str, Any],
    python: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And of rows that are known nothing is computed again. One process is all of theirs: Java takes long to start."""
    async with app.opened(app.workspace(loaded("local", **given))) as local:
        here = {runner.job.name: await landed(runner) for runner in local.runners() if runner.job.name in NOISE}
    assert here.keys() == NOISE.keys()
    # Spark is not installed beside the tests.
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, python.parents[1].glob("lib/*/site-packages"))])
    runners = {runner.job.name: runner for runner in application.runners() if runner.job.engine == "spark"}
    folders = {name: await written(runners[name], tmp_path / name) for name in NOISE}
    again = await written(runners[KNOWN], tmp_path / "again", data_digest=here[KNOWN].digest)
    assert await exit_codes(python, [*folders.values(), again]) == [0] * len(folders) + [UNCHANGED]
    for name, noise in NOISE.items():
        there = Landed.of(folders[name] / f"{name}.csv")
        assert there.digest == here[name].digest, name
        assert there.score == pytest.approx(here[name].score, rel=noise), name
        if name in ANSWERS:
            assert correlation(here[name], there, *ANSWERS[name][:2]) >= ANSWERS[name][2], name


class Landed(NamedTuple):
    """The rows of a result, its score, and the digest of its data."""

    rows: list[dict[str, str]]
    score: float
    digest: str

    @classmethod
    def of(cls, path: Path) -> "Landed":
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
        return cls(rows, float(rows[0]["score"]), rows[0]["data_digest"])


def correlation(here: Landed, there: Landed, keys: Sequence[str], number: str) -> float:
    """The correlation of a number in the rows of both, which are of the same keys."""
    ours, theirs = (
        {tuple(row[key] for key in keys): float(row[number]) for row in of.rows if row.get("model") != SUM}
        for of in (here, there)
    )
    assert ours.keys() == theirs.keys()
    return statistics.correlation([*ours.values()], [theirs[key] for key in ours])


async def landed(runner: Runner) -> Landed:
    """The result of a job."""
    outcome = await runner.once()
    assert outcome.how == "landed", outcome
    landing = runner._landings[runner.job.name]
    found = Landed.of(landing.sources / outcome.file)
    (landing.sources / outcome.file).unlink()
    return found


async def written(runner: Runner, folder: Path, **known: str) -> Path:
    """The folder of the process of a job, which knows the result of these data."""
    folder.mkdir()  # noqa: ASYNC240 - a test
    task = await runner._task(folder)
    write_task(runner.job, folder, known={**known, **task["origin"]}, **task)
    return folder


async def exit_codes(python: Path, folders: Sequence[Path]) -> list[int]:  # noqa: F811
    """Of the processes of these folders."""
    process = await asyncio.create_subprocess_exec(
        python, PROGRAM, *folders, env=variables(python), stdout=-1, stderr=-1
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    codes: list[int] = json.loads(out)
    return codes


def variables(python: Path) -> dict[str, str]:  # noqa: F811
    """The environment of Spark, in which this program can be imported, too."""
    beside = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    options = " ".join(f"--conf {each}" for each in HASTE)
    return {**environ(python), "PYTHONPATH": beside, "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell"}
