"""job list, job run: what is computed from stored documents, such as models."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Application
from multimarket_async.cli.options import Format, OutputFormat, connected, show
from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable, WrongSettings, did_you_mean
from multimarket_async.jobs.needs import lacking
from multimarket_async.jobs.runner import Outcome, Runner
from multimarket_async.jobs.state import JobState, state_file
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded, Settings

Names = Annotated[
    list[str] | None, typer.Argument(help="Names of jobs, as in `job list`. (default: all)", metavar="[NAME]...")
]


def list_all(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """List the jobs of each domain: their schedule, and how their last run ended."""
    at = composition.places(loaded)
    jobs = [(domain.name, job) for domain in at.domains for job in domain.jobs]
    states = [JobState.read(state_file(at.settings.data_dir, job.name)) for _, job in jobs]
    table = tables.plain("Job", "Schedule", "Last run", "Ended")
    data: list[dict[str, Any]] = []
    for (domain, job), state in zip(jobs, states, strict=True):
        lacks = "; ".join(lacking(job, at.settings))
        data.append({"domain": domain, "name": job.name, "title": job.title, "cron": job.cron, "lacks": lacks})
        data[-1] |= state.model_dump(mode="json")
        ended = f"it needs {lacks}" if lacks else ": ".join(filter(None, (state.how, state.why or state.file)))
        ran = f"{state.ran_at:%Y-%m-%d %H:%M:%S} UTC" if state.ran_at else "never"
        table.add_row(f"{job.name}\n{job.title}", job.cron or "only on request", ran, escape_control_chars(ended))
    show(output, data, table)


def run(loaded: Loaded, names: Names = None) -> None:
    """Run jobs now: each lands its result as a file, unless it has landed already. Exit code 3 if one fails."""
    settings, chosen = loaded.of(Settings), _chosen(loaded, names)
    logs.configure(settings.log_format, sys.stderr, settings.data_dir / "logs")  # standard output has the outcomes

    async def work(application: Application) -> list[Outcome]:
        runners = {runner.job.name: runner for runner in application.runners()}
        return [await _ended(runners[name]) for name in chosen]

    outcomes = connected(loaded, work, create=True)
    for outcome in outcomes:
        typer.echo(escape_control_chars(f"{outcome.job}: {outcome.how}: {outcome.why or outcome.file}"))
    if any(outcome.how == "failed" for outcome in outcomes):
        sys.exit(CannotContinue.exit_code)


async def _ended(runner: Runner) -> Outcome:
    try:
        return await runner.once()
    except (CannotContinue, OperationFailed, Unavailable) as why:
        return Outcome(runner.job.name, "failed", why=str(why))


def _chosen(loaded: Loaded, names: Sequence[str] | None) -> Sequence[str]:
    """These jobs, or all. Raises WrongSettings."""
    known = [job.name for domain in composition.places(loaded).domains for job in domain.jobs]
    if not known:
        raise WrongSettings("No domain that is on has jobs: the setting `domains` turns one on.")
    for name in names or ():
        if name not in known:
            raise WrongSettings(f"There is no job {name}; there are {', '.join(known)}.{did_you_mean(name, known)}")
    return names or known
