"""logs: the events of the log, of one component or of all."""

import json
from typing import Annotated

import typer

from multimarket_async import logs
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.settings import Loaded, Settings

NAMES = (*dict.fromkeys(logs.COMPONENTS.values()), logs.ENGINE)


def logs_of(
    loaded: Loaded,
    component: Annotated[
        str | None, typer.Option("--component", help=f"Of this one only: {', '.join(NAMES)}.", show_default=False)
    ] = None,
) -> None:
    """Show the events of the log, the oldest first: one JSON object a line."""
    if component and component not in NAMES:
        hint = did_you_mean(component, NAMES)
        raise WrongSettings(f"There is no component {component}; there are {', '.join(NAMES)}.{hint}")
    for event in logs.logged(loaded.of(Settings).data_dir / "logs"):
        if component in (None, event.get("component")):
            text = json.dumps(event, ensure_ascii=False)
            typer.echo("".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text))
