"""The command line: exit codes 0 done, 2 wrong use or settings, 3 could not finish, 4 found wrong."""

import os
import signal
import sys
from typing import NoReturn

import typer

from multimarket_async.cli.flow import add_flow
from multimarket_async.cli.health import add_health
from multimarket_async.cli.history import add_history
from multimarket_async.cli.kpi import add_kpi
from multimarket_async.cli.quarantine import add_quarantine
from multimarket_async.errors import CannotContinue, Unavailable

app = typer.Typer(
    name="multimarket-async",
    help="Three sales channels, one asyncio process, MongoDB, KPI snapshots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
add_flow(app)
add_history(add_kpi(app))
add_health(app)
add_quarantine(app)


def main() -> None:
    """Run the command line; what a user can mend is said in a sentence, without a traceback."""
    try:
        app()
    except CannotContinue as stop:
        _fail(str(stop), stop.exit_code)
    except Unavailable as away:
        _fail(f"MongoDB is away: {away}", CannotContinue.exit_code)
    except BrokenPipeError:  # whoever read our output has seen enough
        os._exit(CannotContinue.exit_code)
    except OSError as error:
        advice = "Mend that, or choose another folder with --data-dir."
        _fail(f"{error.filename}: {error.strerror}. {advice}", CannotContinue.exit_code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _fail(sentence: str, exit_code: int) -> NoReturn:
    typer.echo(f"error: {sentence}", err=True)
    sys.exit(exit_code)
