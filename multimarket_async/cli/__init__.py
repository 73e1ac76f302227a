"""The command line: exit codes 0 done, 2 wrong use or settings, 3 could not finish, 4 found wrong."""

import os
import signal
import sys
from collections.abc import Callable
from os import PathLike

import typer

from multimarket_async.cli import bi, flow, health, kpi, produce, quarantine, report, top, torture
from multimarket_async.cli.options import FAULTS, FOLLOW_UPS, PACE, SEED, TIME_SCALE, command
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.memory import keep_one_small_heap

app = typer.Typer(
    name="multimarket-async",
    help="Collect order files into MongoDB, and measure KPIs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # boxes cut the names of options at 80 columns
    pretty_exceptions_enable=False,
)
command(app, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, log_to="stdout")(flow.run)
command(app, SEED, FAULTS, FOLLOW_UPS)(flow.demo)
command(app, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, log_to="stdout")(produce.produce)
for stage in (flow.collect, flow.measure, flow.serve):
    command(app, log_to="stdout")(stage)
command(app, SEED)(torture.torture)
COMMANDS: dict[str, list[Callable[..., None]]] = {
    "": [health.verify, health.status, health.doctor, report.report, top.top, bi.bi],
    "kpi": [kpi.list_all, kpi.refresh, kpi.rebuild, kpi.show, kpi.history, kpi.diff],
    "quarantine": [quarantine.list_all, quarantine.show, quarantine.replay],
    "config": [health.show_settings],
}
HELP = {"kpi": "Show, refresh and compare KPIs.", "quarantine": "Rejected files.", "config": "Settings."}
for group, commands in COMMANDS.items():
    parent = typer.Typer(help=HELP[group], no_args_is_help=True) if group else app
    for work in commands:
        command(parent)(work)
    if group:
        app.add_typer(parent, name=group)


def main() -> None:
    """Run the command line; an error that a user can correct is a sentence, without a traceback."""
    keep_one_small_heap()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, BrokenPipeError):  # the reader of our output has closed it
            os._exit(CannotContinue.exit_code)
        sentence = _sentence(cause)
        if sentence is None:
            raise
        typer.echo(f"error: {sentence}", err=True)
        sys.exit(getattr(cause, "exit_code", CannotContinue.exit_code))


def _cause(error: Exception) -> Exception:
    """The first error of a task group: the other tasks were cancelled because of it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _sentence(error: Exception) -> str | None:
    """The error and its remedy; None for an error in the program."""
    match error:
        case CannotContinue() | Unavailable():
            return str(error)
        case OSError(filename=str() | bytes() | PathLike()):
            return f"{error.filename}: {error.strerror}. Correct that, or choose another folder with --data-dir."
    return None
