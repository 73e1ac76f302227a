"""A job runs beside the collector, in a process of its own, and its result lands as a file like any other."""

import asyncio
import csv
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.app.checks import examined
from multimarket_async.app.parts import Workspace
from multimarket_async.clashes import clashes
from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Domain, Facts, Feed, Input, Job, Table, Value
from multimarket_async.errors import CannotContinue, OperationFailed
from multimarket_async.formats import Number, Text
from multimarket_async.jobs.runner import Runner
from multimarket_async.jobs.state import JobState, state_file
from multimarket_async.proving.trial import Trial, on_trial
from multimarket_async.results import ResultTable, result_file
from multimarket_async.tasks import Tasks
from tests.domains_tried.kiosks import KIOSKS
from tests.jobs.pieces import WORSE_AT

LINES = Facts("lines", "kiosk_lines", {"product": Value("product", "VARCHAR"), "quantity": Value("quantity", "BIGINT")})
PIECES = Input((LINES,), "SELECT product, sum(quantity)::BIGINT AS quantity FROM lines GROUP BY product ORDER BY ALL")
JOB = Job("kiosk_pieces", "Pieces", {"pieces": PIECES}, "tests.jobs.pieces", ("cronsim",), "models", "0 3 * * *")
FORMAT = result_file({"product": Text("product"), "share": Number("share")})
FEED = Feed(
    JOB.name,
    Table(JOB.name, "replace"),
    FORMAT.reader(lambda row: {"_id": row["product"], **row}),
    (".csv",),
    records="many",
    self_delimiting=False,
)
SOLD = KIOSKS.declare(KIOSKS.settings())
MORE = ResultTable("kiosk_grades", {"measure": Text("measure")}, ("measure",))
DOMAIN = replace(SOLD, feeds=(*SOLD.feeds, MORE.feed(), FEED), jobs=(JOB,))
GRADED = replace(JOB, tables=(MORE.name,), grades=MORE.name)
HEADER = "order,line,sold_on,product,quantity,price\n"
TWO = HEADER + "1,1,2026-01-02,gazette,2,1.00\n1,2,2026-01-02,stylo,1,3.00\n"


@pytest.fixture
async def trial(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with on_trial(DOMAIN, mongo_uri, tmp_path) as opened:
        yield opened


async def sell(trial: Trial, content: str) -> None:
    await trial.feeds[0][1].deliver("lines.csv", content.encode())
    await trial.collect()


def runner(trial: Trial, clock: Clock | None = None, job: Job = JOB, **changed: Any) -> Runner:
    settings = trial.settings.model_copy(update=changed)
    parts = {"store": trial.store, "settings": settings, "clock": clock or trial.clock, "turn": asyncio.Lock()}
    return Runner(DOMAIN, job, [landing for _, landing in trial.feeds if landing.feed in job.feeds], **parts)


def landed(trial: Trial, place: int = -1) -> list[dict[str, str]]:
    [path] = trial.feeds[place][1].waiting_files()
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.mark.slow
async def test_a_result_lands_with_its_evidence_and_is_collected(trial: Trial) -> None:
    """The same data, code and seed are not computed again; of others the result is another file."""
    await sell(trial, TWO)
    first = await runner(trial).once()
    assert (first.how, first.why) == ("landed", "")
    rows = landed(trial)
    assert [(row["product"], row["share"]) for row in rows] == [("gazette", "0.666667"), ("stylo", "0.333333")]
    evidence = ("seed", "metric", "score", "baseline", "baseline_score", "beats_baseline")
    assert [rows[0][name] for name in evidence] == ["1", "mean error", "1.0", "the mean", "1.5", "True"]
    await trial.collect()
    assert (await runner(trial).once()).how == "unchanged"
    await sell(trial, TWO.replace("gazette,2", "gazette,3"))
    again = await runner(trial).once()
    await trial.collect()
    assert (again.how, again.file != first.file) == ("landed", True)
    stored = [document async for document in trial.store.aggregate(JOB.name, [{"$sort": {"_id": 1}}])]
    assert [(at["product"], at["share"], at["beats_baseline"]) for at in stored] == [
        ("gazette", 1.0, True),
        ("stylo", 0.333333, True),
    ]
    assert {at["code_digest"] for at in stored} == {rows[0]["code_digest"]}
    assert {at["data_digest"] for at in stored}.isdisjoint({rows[0]["data_digest"]})


@pytest.mark.slow
async def test_a_job_that_fails_or_has_too_little_says_so_and_lands_nothing(trial: Trial) -> None:
    """With the reason, also for `job list`; a job without its packages says how to install them."""
    await sell(trial, HEADER + "1,1,2026-01-02,gazette,2,1.00\n")
    assert await runner(trial).once() == (JOB.name, "skipped", "", "1 product was sold, and 2 are needed")
    await sell(trial, TWO)
    with pytest.raises(OperationFailed, match=r"exit code 1.*ZeroDivisionError: planted"):
        await runner(trial, seed=13).once()
    state = JobState.read(state_file(trial.settings.data_dir, JOB.name))
    assert (state.how, "planted" in state.why, state.file) == ("failed", True, "")
    assert list(trial.feeds[-1][1].waiting_files()) == []
    lacking = replace(JOB, packages=("no-such-package",))
    with pytest.raises(CannotContinue, match=r"pip install 'multimarket-async\[models\]'"):
        await runner(trial, job=lacking).once()
    at = Workspace(trial.settings, (replace(DOMAIN, jobs=(lacking,)),), tuple(trial.feeds), trial.clock)
    [finding] = [finding for finding in await examined(at) if finding.check == "jobs of kiosks"]
    assert (finding.level, "multimarket-async[models]" in finding.found) == ("warning", True)


@pytest.mark.slow
async def test_grades_land_also_where_the_result_is_no_better_than_its_baseline(trial: Trial) -> None:
    """The result itself does not; it is not computed again."""
    await sell(trial, TWO)
    worse = await runner(trial, job=GRADED, seed=WORSE_AT).once()
    assert (worse.how, "no better than its baseline" in worse.why) == ("skipped", True)
    assert [(row["measure"], row["beats_baseline"]) for row in landed(trial, -2)] == [("mean error", "False")]
    assert list(trial.feeds[-1][1].waiting_files()) == []
    assert (await runner(trial, job=GRADED, seed=WORSE_AT).once()).how == "unchanged"
    await trial.collect()
    assert (await runner(trial, job=GRADED).once()).how == "landed"
    assert [len(landed(trial, place)) for place in (-2, -1)] == [1, 2]


@pytest.mark.slow
async def test_a_missed_run_is_caught_up_by_one(trial: Trial, tmp_path: Path) -> None:
    """A first start waits for its time; a later one runs if that has passed meanwhile."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    clock, stop, tasks = Clock(lambda: now), asyncio.Event(), Tasks(Clock())
    await sell(trial, TWO)
    assert (await runner(trial, clock).once()).how == "landed"
    file = state_file(trial.settings.data_dir, JOB.name)
    assert JobState.read(file).next_at == datetime(2026, 3, 2, 3, tzinfo=UTC)
    now += timedelta(days=5)
    task = asyncio.create_task(runner(trial, clock, seed=2).run(stop, tasks))
    async for _ in beats(0.05, stop):
        state = JobState.read(file)
        if (state.origin["seed"], state.ran_at) == (2, now):
            stop.set()
    await task
    assert (state.next_at, tasks.failing) == (datetime(2026, 3, 7, 3, tzinfo=UTC), {})


def test_a_job_has_a_feed_of_its_name() -> None:
    """It is refused at start."""
    domain = Domain("kiosks", KIOSKS.settings, lambda _: replace(SOLD, jobs=(JOB,))).declare(KIOSKS.settings())
    [sentence] = clashes([domain])
    assert "The job kiosk_pieces of kiosks has no feed of its name" in sentence
