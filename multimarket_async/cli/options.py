"""What every command has in common: three options, the settings, where its log goes."""

import functools
import gc
import inspect
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import typer
import uvloop

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Workspace
from multimarket_async.domains import settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.settings import Loaded, Pace, Settings, load

T = TypeVar("T")
LogTo: TypeAlias = Literal["stdout", "stderr"]

# So long a thread that only has to send what is ready waits for one that computes. At Python's 5 ms a batch, which
# changes threads some dozen times, lies still longer than it is worked at.
LONGEST_TURN_S = 0.0005


class LogFormat(StrEnum):
    """The values of --log-format."""

    JSON = "json"
    CONSOLE = "console"
    AUTO = "auto"


class OutputFormat(StrEnum):
    """The values of --format where a command prints data."""

    TABLE = "table"
    JSON = "json"


def _flag(name: str, kind: Any, text: str) -> inspect.Parameter:
    option = typer.Option(help=text, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


COMMON = (
    _flag("data_dir", Path, "The folder that holds sources, archive, quarantine, logs and mongo. (default: data)"),
    _flag("mongo_uri", str, "Your own MongoDB; without it an embedded server is started under the data folder."),
    _flag("log_format", LogFormat, "How the log is written. (default: JSON unless the output is a terminal)"),
)
SEED = _flag("seed", int, "Seed of the simulated deliveries. (default: 1)")
FOLLOW_UPS = _flag("follow_ups", bool, "Follow made-up orders by their later states. (default: no)")
FAULTS = _flag(
    "faults", str, "Shares to be struck by faults, such as duplicate=0.02,torn=0.01,bad=0.01. (default: none)"
)
PACE = _flag("pace", Pace, "When a channel's simulated deliveries come. (default: random)")
TIME_SCALE = _flag("time_scale", float, "How many times faster simulated time runs; 60: an hour a minute. (default: 1)")

Channels = Annotated[
    str | None, typer.Option(help="Only these channels, separated by commas. (default: all)", show_default=False)
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day before which orders are dated. (default: today)", show_default=False
    ),
]


def chosen(loaded: Loaded, channels: str | None) -> Workspace:
    """All channels, or those named. Raises WrongSettings."""
    workspace = composition.workspace(loaded)
    if channels is None:
        return workspace
    known = [feed.name for feed, _ in workspace.channels]
    wanted = [name.strip() for name in channels.split(",")]
    if unknown := set(wanted) - set(known):
        raise WrongSettings(f"There is no channel {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    return workspace.only(wanted)


def command(
    app: typer.Typer, *flags: inspect.Parameter, name: str | None = None, log_to: LogTo = "stderr"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: its first argument is the settings, and it takes the common options besides its own.

    A command that prints data (log_to="stderr") logs only what is wrong, and not into the data folder.
    """

    def register(work: Callable[..., None]) -> Callable[..., None]:
        settings_flags = (*flags, *COMMON)

        @functools.wraps(work)
        def run(**options: Any) -> None:
            given = {flag.name: options.pop(flag.name) for flag in settings_flags}
            loaded = load_settings(given)
            _log(loaded.of(Settings), log_to)
            work(loaded, **options)

        own = list(inspect.signature(work).parameters.values())[1:]
        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        parameters = [*keyword_only, *settings_flags]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return app.command(name)(run)

    return register


def load_settings(flags: dict[str, Any]) -> Loaded:
    """The settings of the engine and of all domains, from flags, environment, file and defaults."""
    return load(settings_models(), flags, os.environ)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end."""
    # What is loaded by now stays; looked through again and again it takes a tenth of the collector's time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(LONGEST_TURN_S)
    return uvloop.run(work)


def _log(settings: Settings, log_to: LogTo) -> None:
    if log_to == "stdout":
        logs.configure(settings.log_format, sys.stdout, settings.data_dir / "logs")
    else:
        logs.configure(settings.log_format, sys.stderr, None, logging.WARNING)
