"""sink: write generations to the sinks that are on, until stopped or once."""

import sys
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.cli.flow import until_stopped
from multimarket_async.cli.options import connected
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.settings import Loaded, Settings
from multimarket_async.sinks import chosen


def sink(
    loaded: Loaded,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Exit when each sink holds the newest generation: with 3 if one cannot.")
    ] = False,
) -> None:
    """Write each new KPI generation to the sinks that are on, until stopped; nothing else."""
    settings = loaded.of(Settings)
    kinds = chosen(settings, composition.places(loaded).domains)
    if not kinds:
        raise WrongSettings("No sink is on: the setting `sinks` names them, such as warehouse.")
    for kind in kinds:
        kind.require()
    if not once:
        until_stopped(loaded, composition.sink)
        return
    logs.configure(settings.log_format, sys.stderr, settings.data_dir / "logs")  # standard output has the outcomes
    _print(connected(loaded, composition.sink_once))


def _print(written: dict[str, int | str]) -> None:
    for name, outcome in written.items():
        sentence = f"holds generation {outcome}" if isinstance(outcome, int) and outcome else outcome
        typer.echo(escape_control_chars(f"{name}: {sentence or 'there is no generation yet'}"))
    if not all(isinstance(outcome, int) and outcome for outcome in written.values()):
        sys.exit(CannotContinue.exit_code)
