"""The command line: exit codes 0 done, 2 wrong use or settings, 3 could not finish, 4 found wrong."""

import os
import signal
import sys
from collections.abc import Callable
from os import PathLike

import typer

from multimarket_async.cli import flow, health, kpi, poll, produce, quarantine, top, torture
from multimarket_async.cli.options import FAULTS, FOLLOW_UPS, PACE, SEED, TIME_SCALE, command
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.memory import collect_cycles_less_often, keep_one_small_heap, switch_threads_sooner

app = typer.Typer(
    name="multimarket-async",
    help="Collect files into MongoDB, and measure KPIs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # boxes cut the names of options at 80 columns
    pretty_exceptions_enable=False,
)
command(app, flow.run, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, log_to="stdout")
command(app, flow.demo, SEED, FAULTS, FOLLOW_UPS)
command(app, produce.produce, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, log_to="stdout")
for stage in (poll.poll, flow.collect, flow.measure, flow.serve):
    command(app, stage, log_to="stdout")
command(app, torture.torture, SEED)
for work in (health.verify, health.status, health.doctor, kpi.report, top.top, kpi.bi):
    command(app, work)
GROUPS: dict[str, tuple[str, list[Callable[..., None]]]] = {
    "kpi": (
        "Show, refresh and compare KPIs.",
        [kpi.list_all, kpi.refresh, kpi.rebuild, kpi.show, kpi.history, kpi.diff],
    ),
    "quarantine": ("Rejected files.", [quarantine.list_all, quarantine.show, quarantine.replay]),
    "config": ("Settings.", [health.show_settings]),
}
for name, (summary, commands) in GROUPS.items():
    group = typer.Typer(help=summary, no_args_is_help=True)
    for work in commands:
        command(group, work)
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line; an error that a user can correct is a sentence, without a traceback."""
    keep_one_small_heap()
    collect_cycles_less_often()
    switch_threads_sooner()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):  # of tasks: the others were cancelled because of the first error
            cause = cause.exceptions[0]
        if isinstance(cause, BrokenPipeError):  # the reader of our output has closed it
            os._exit(CannotContinue.exit_code)
        sentence = _sentence(cause)
        if sentence is None:
            raise
        typer.echo(f"error: {sentence}", err=True)
        sys.exit(getattr(cause, "exit_code", CannotContinue.exit_code))


def _sentence(error: BaseException) -> str | None:
    """The error and its remedy; None for an error in the program."""
    match error:
        case CannotContinue() | Unavailable():
            return str(error)
        case OSError(filename=str() | bytes() | PathLike()):
            return f"{error.filename}: {error.strerror}. Correct that, or choose another folder with --data-dir."
    return None
