"""The command line: exit codes 0 done, 2 wrong use or settings, 3 could not finish, 4 found wrong."""

import os
import signal
import sys
from os import PathLike

import typer

from multimarket_async.cli.bi import add_bi
from multimarket_async.cli.flow import add_flow
from multimarket_async.cli.health import add_health
from multimarket_async.cli.history import add_history
from multimarket_async.cli.kpi import add_kpi
from multimarket_async.cli.produce import add_produce
from multimarket_async.cli.quarantine import add_quarantine
from multimarket_async.cli.report import add_report
from multimarket_async.cli.top import add_top
from multimarket_async.cli.torture import add_torture
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.memory import keep_one_small_heap

app = typer.Typer(
    name="multimarket-async",
    help="Three sales channels, one asyncio process, MongoDB, KPI snapshots.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # boxes cut the names of options at 80 columns
    pretty_exceptions_enable=False,
)
add_flow(app)
add_produce(app)
add_history(add_kpi(app))
for add in (add_bi, add_health, add_quarantine, add_report, add_top, add_torture):
    add(app)


def main() -> None:
    """Run the command line; what a user can mend is said in a sentence, without a traceback."""
    keep_one_small_heap()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, BrokenPipeError):  # whoever read our output has seen enough
            os._exit(CannotContinue.exit_code)
        sentence = _sentence(cause)
        if sentence is None:
            raise
        typer.echo(f"error: {sentence}", err=True)
        sys.exit(getattr(cause, "exit_code", CannotContinue.exit_code))


def _cause(error: Exception) -> Exception:
    """The first error of a task group, where it is one: the others were cancelled because of it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _sentence(error: Exception) -> str | None:
    """What is wrong and what to do; None for what only a developer can mend."""
    match error:
        case CannotContinue() | Unavailable():
            return str(error)
        case OSError(filename=str() | bytes() | PathLike()):
            return f"{error.filename}: {error.strerror}. Mend that, or choose another folder with --data-dir."
    return None
