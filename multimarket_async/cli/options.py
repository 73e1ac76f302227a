"""Parts of every command: flags of settings, the settings, the log, the event loop."""

import functools
import gc
import inspect
import logging
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, get_args

import typer
import uvloop
from pydantic import SecretStr
from rich.console import RenderableType

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Application, Workspace
from multimarket_async.cli import language
from multimarket_async.cli.found import Kind, check_found
from multimarket_async.discovery import settings_models
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded, Settings, as_text, load

T = TypeVar("T")
FOUND_WRONG = 4

# How long a thread may hold the GIL once another one waits for it. With Python's default of 5 ms a batch, which crosses
# threads about a dozen times, waits longer than it is processed.
SWITCH_INTERVAL_S = 0.0005


class OutputFormat(StrEnum):
    """The values of --format where a command prints data."""

    TABLE = "table"
    JSON = "json"


def _flag(setting: str) -> inspect.Parameter:
    """The flag of a setting of the engine, with the meaning and the default that are declared there."""
    field = Settings.model_fields[setting]
    meaning, default = field.description or "", as_text(field.default)
    help_text = meaning[:1].upper() + meaning[1:] + (f" (default: {default})" if field.default else "")
    kind: Any = str if SecretStr in get_args(field.annotation) else field.annotation
    annotation = Annotated[kind | None, typer.Option(help=help_text, show_default=False)]
    return inspect.Parameter(setting, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


COMMON = tuple(map(_flag, ("data_dir", "mongo_uri", "log_format")))
SEED, FOLLOW_UPS, FAULTS, PACE, TIME_SCALE = map(_flag, ("seed", "follow_ups", "faults", "pace", "time_scale"))
HTTP_PORT = _flag("http_port")

Format = Annotated[OutputFormat, typer.Option("--format", help="Format of the output.")]
GenerationNumber = Annotated[
    int | None, typer.Option("--generation", help="Number of a generation. (default: the newest)", show_default=False)
]
FeedNames = Annotated[
    str | None, typer.Option("--feeds", help="Names of feeds, with commas. (default: all)", show_default=False)
]
DomainName = Annotated[
    str | None,
    typer.Option(
        "--domain", help="Of this domain only, also where it is off. (default: all that are on)", show_default=False
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Date the documents before this day. (default: today)", show_default=False),
]


def turned_on(loaded: Loaded, domain: str | None) -> Loaded:
    """The settings with this domain among those that are on."""
    settings = loaded.of(Settings)
    if domain is None or domain in settings.domains:
        return loaded
    changed = settings.model_copy(update={"domains": (*settings.domains, domain)})
    return replace(loaded, models={**loaded.models, "": changed})


def chosen(loaded: Loaded, feeds: str | None, domain: str | None = None, *, create: bool = True) -> Workspace:
    """The workspace with all feeds, or with those named, of one domain or of all. Raises WrongSettings.

    create: the directories that are not there.
    """
    at = composition.workspace if create else composition.places
    workspace = at(turned_on(loaded, domain)).of(domain)
    if feeds is None:
        return workspace
    existing = [feed.name for feed, _ in workspace.feeds]
    names = [name.strip() for name in feeds.split(",")]
    if unknown := set(names) - set(existing):
        hint = did_you_mean(min(unknown), existing)
        raise WrongSettings(f"There is no feed {', '.join(sorted(unknown))}; there are {', '.join(existing)}.{hint}")
    return workspace.only(names)


def command(
    app: typer.Typer,
    work: Callable[..., None],
    *flags: inspect.Parameter,
    log_to: Literal["stdout", "stderr"] = "stderr",
    reads: Iterable[Kind] = (),
) -> None:
    """Register a command: its first argument is the settings, and it has the common options besides its own.

    Its name is the first word of its function's: list_all is `list`.
    A command that prints data (log_to="stderr") logs warnings and errors only, and not into the data folder.
    reads: what must be there already; the command creates nothing.
    """
    settings_flags = (*flags, *COMMON)
    lang = inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=language.FLAG)

    @functools.wraps(work)
    def run(**options: Any) -> None:
        language.speak(options["lang"])
        loaded = load_settings({flag.name: options.pop(flag.name) for flag in settings_flags})
        language.speak(options.pop("lang"), loaded)
        settings = loaded.of(Settings)
        check_found(settings, *reads)
        if log_to == "stdout":
            logs.configure(settings.log_format, sys.stdout, settings.data_dir / "logs")
        else:
            logs.configure(settings.log_format, sys.stderr, None, logging.WARNING)
        work(loaded, **options)

    own = list(inspect.signature(work).parameters.values())[1:]
    parameters = [*(option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own), lang, *settings_flags]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(work.__name__.partition("_")[0])(run)


def data_dir_flag(loaded: Loaded) -> str:
    """The flag that names the data folder, for commands that are suggested; empty if none was given."""
    given = loaded.sources["data_dir"] == "--data-dir"
    return f" --data-dir {shlex.quote(str(loaded.of(Settings).data_dir))}" if given else ""


def load_settings(flags: dict[str, Any]) -> Loaded:
    """The settings of the engine and of all domains, from flags, environment, file and defaults."""
    return load(settings_models(), flags, os.environ)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    # Objects that exist by now live on: scanning them again and again takes a tenth of the collector's time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return uvloop.run(work)


def connected(
    loaded: Loaded, work: Callable[[Application], Awaitable[T]], feeds: str | None = None, *, create: bool = False
) -> T:
    """Run `work` with a connection to MongoDB, on all feeds or on those named. create: as in `chosen`."""

    async def opened() -> T:
        async with composition.opened(chosen(loaded, feeds, create=create)) as application:
            return await work(application)

    return finish(opened())


def show(output: OutputFormat, data: Any, *parts: RenderableType, right: bool = True) -> None:
    """Print data as JSON, or else lines and tables. Exit with 4 if what was compared is not right."""
    console = tables.console()
    for part in parts if output is OutputFormat.TABLE else (tables.terminal_safe_json(data),):
        shown = part if output is OutputFormat.JSON else language.said(part)
        if isinstance(shown, str):
            typer.echo(shown)
        else:
            console.print(shown)
    if not right:
        sys.exit(FOUND_WRONG)
