"""poll: ask APIs and land their changed answers, until stopped or once."""

import sys
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.cli.options import DomainName, chosen, finish
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.settings import Loaded, Settings


def poll(
    loaded: Loaded,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Ask each source once, and exit: with 3 if one did not answer.")
    ] = False,
    domain: DomainName = None,
) -> None:
    """Land the changed answers of polled APIs, until stopped; nothing else."""
    pollers = chosen(loaded, None, domain).pollers()
    if not pollers:
        raise WrongSettings("No feed polls an API.")
    if not once:
        finish(composition.poll(pollers))
        return
    settings = loaded.of(Settings)
    logs.configure(settings.log_format, sys.stderr, settings.data_dir / "logs")  # standard output has the outcomes
    outcomes = finish(composition.poll_once(pollers))
    for outcome in outcomes:
        files = f", files landed: {outcome.files}" if outcome.files else ""
        why = f": {outcome.why}" if outcome.why else ""
        typer.echo(escape_control_chars(f"{outcome.feed}: {outcome.how}{files}{why}"))
    if any(outcome.how == "failed" for outcome in outcomes):
        sys.exit(CannotContinue.exit_code)
