"""stored documents -> landing: a job runs on time, and its result lands as a file."""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from multimarket_async.clock import Clock, reached, unless
from multimarket_async.cron import next_run
from multimarket_async.domains import Job, LoadedDomain
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.jobs.inputs import lake_inputs, write_inputs
from multimarket_async.jobs.needs import lacking
from multimarket_async.jobs.process import code_digest, computed
from multimarket_async.jobs.state import How, JobState, state_file
from multimarket_async.landing import Landing
from multimarket_async.results import NotEnough
from multimarket_async.settings import Settings
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()
NAME_DIGITS = 12  # of a digest, in the name of a file


class Outcome(NamedTuple):
    """The end of one run. file: that landed, or that has landed before. why: none did."""

    job: str
    how: How
    file: str = ""
    why: str = ""


class Runner:
    """Runs a job, one run at a time; `turn` is of all jobs of this process, so that no two compute beside each other.

    What has been computed already, from the same data by the same code and seed, is not computed again.
    """

    def __init__(
        self,
        domain: LoadedDomain,
        job: Job,
        landings: Sequence[Landing],
        *,
        store: Store,
        settings: Settings,
        clock: Clock,
        turn: asyncio.Lock,
    ) -> None:
        self.job, self.name = job, f"job {job.name}"
        self._domain, self._store, self._clock, self._turn = domain, store, clock, turn
        self._landings = {landing.feed: landing for landing in landings}
        self._settings, self._seed = settings, settings.seed
        self._file = state_file(settings.data_dir, job.name)

    @property
    def lacking(self) -> list[str]:
        """Needs of the job that are not here."""
        return lacking(self.job, self._settings)

    async def run(self, stop: asyncio.Event, tasks: Tasks) -> None:
        """Run on time until stopped, unless it lacks something. A run that is not finished by then lands nothing."""
        while not self.lacking and await reached(self._due(), self._clock, stop):
            if outcome := await unless(stop, tasks.attempt(self.name, self.once())):
                log.info("job.ended", **outcome._asdict())

    async def once(self) -> Outcome:
        """Run now, and land the result if it is new. Raises CannotContinue, OperationFailed, Unavailable."""
        self.require()
        async with self._turn:
            try:
                outcome = await self._ran()
            except NotEnough as why:
                outcome = Outcome(self.job.name, "skipped", why=str(why))
            except Exception as error:
                self._note(Outcome(self.job.name, "failed", why=str(error) or repr(error)))
                raise
        self._note(outcome)
        return outcome

    def require(self) -> None:
        """Raises CannotContinue where it lacks something."""
        if needs := self.lacking:
            raise CannotContinue(f"The job {self.job.name} needs {'; '.join(needs)}")

    async def _ran(self) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="multimarket-job-") as name:
            folder, state = Path(name), JobState.read(self._file)
            task = await self._task(folder)
            is_known = task["origin"] == state.origin
            found = None if is_known else await computed(self.job, folder, known=state.origin, **task)
        if found is None:
            return Outcome(self.job.name, "unchanged", state.file)
        files, origin = found
        landed = [await self._land(feed, origin, content) for feed, content in files.items()]
        self._write(JobState.read(self._file).model_copy(update={"origin": origin, "file": landed[-1]}))
        if self.job.name not in files:
            return Outcome(self.job.name, "skipped", why=f"it is no better than its baseline: see {landed[-1]}")
        return Outcome(self.job.name, "landed", landed[-1])

    async def _task(self, folder: Path) -> dict[str, Any]:
        """Write the inputs: digests of the data and of the code, and the seed; on Spark, it has that of the data."""
        by = {"code_digest": await asyncio.to_thread(code_digest, self.job), "seed": self._seed}
        if self.job.engine == "spark":
            return {"origin": by, **lake_inputs(self._domain, self.job, self._settings)}
        data = await write_inputs(self._domain, self.job, self._store, self._clock, folder)
        return {"origin": {"data_digest": data, **by}, "queries": [*self.job.inputs]}

    async def _land(self, feed: str, origin: dict[str, str | int], content: bytes) -> str:
        """The name of a file that landed."""
        named, landing = "-".join(str(value)[:NAME_DIGITS] for value in origin.values()), self._landings[feed]
        try:
            landing.prepare()
            path = await landing.deliver(f"{self.job.name}-{named}.csv", content)
        except OSError as error:
            raise Unavailable(f"cannot land a file in {landing.sources}: {error.strerror}") from error
        return path.name

    def _note(self, outcome: Outcome) -> None:
        now = self._clock.now()
        changes = {"ran_at": now, "how": outcome.how, "why": outcome.why, "next_at": self._following(now)}
        self._write(JobState.read(self._file).model_copy(update=changes))

    def _write(self, state: JobState) -> None:
        private_folder(self._file.parent)
        atomic_write(self._file, state.model_dump_json().encode())

    def _due(self) -> datetime:
        """The next run: as it was noted, also if that has passed; the first one by the schedule."""
        now = self._clock.now()
        following, noted = self._following(now) or now, JobState.read(self._file).next_at
        return min(following, noted) if noted else following

    def _following(self, now: datetime) -> datetime | None:
        return next_run(self.job.cron, self.job.timezone, now) if self.job.cron else None
