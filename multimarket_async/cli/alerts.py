"""alerts."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Application
from multimarket_async.cli.flow import until_stopped
from multimarket_async.cli.found import check_found
from multimarket_async.cli.language import tell
from multimarket_async.cli.options import connected, finish
from multimarket_async.errors import CannotContinue
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.alerts import AlertStatus, alert_statuses
from multimarket_async.settings import Loaded, Settings

Once = Annotated[bool, typer.Option("--once", help="Evaluate the rules once, send what is due, and list the alerts.")]
Test = Annotated[bool, typer.Option("--test", help="Send a test to each receiver, and exit: with 3 if one fails.")]


def alerts(loaded: Loaded, *, once: Once = False, test: Test = False) -> None:
    """Evaluate the rules of config/alerts.toml, and alert who is to know, until stopped; nothing else."""
    settings = loaded.of(Settings)
    if test:
        outcomes = finish(composition.try_receivers(composition.places(loaded)))
        _print({what: why or "a test was sent" for what, why in outcomes.items()}, failed=any(outcomes.values()))
        return
    check_found(settings, "database")
    logs.configure(settings.log_format, sys.stderr if once else sys.stdout, settings.data_dir / "logs")
    if not once:
        until_stopped(loaded, composition.alert)
        return
    outcomes, begun = connected(loaded, _once)
    for alert in begun:
        tell(escape_control_chars(alert.said()))
    if not begun:
        tell("No alert goes on.")
    _print(outcomes, failed=any(not outcome.endswith(" sent") for outcome in outcomes.values()))


async def _once(application: Application) -> tuple[dict[str, str], list[AlertStatus]]:
    return await composition.alert_once(application), await alert_statuses(application.store)


def _print(outcomes: Mapping[str, str], *, failed: bool) -> None:
    for name, outcome in outcomes.items():
        tell(escape_control_chars(f"{name}: {outcome}"))
    if failed:
        sys.exit(CannotContinue.exit_code)
