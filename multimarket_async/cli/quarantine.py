"""quarantine list, show, replay: what was set aside, why, and its way back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Places
from multimarket_async.cli.options import OutputFormat, command
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing, SetAside
from multimarket_async.landing.directory import printable
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded

Code = Annotated[str | None, typer.Option(help="Only files set aside with this code.", show_default=False)]
Channel = Annotated[str | None, typer.Option(help="Only files of this channel.", show_default=False)]
File = Annotated[str, typer.Argument(help="Name of the file, as `quarantine list` tells it.")]


def add_quarantine(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Bad files: what was set aside and why; their way back.", no_args_is_help=True)
    command(group, name="list")(list_all)
    command(group)(show)
    command(group)(replay)
    app.add_typer(group, name="quarantine")


def list_all(
    loaded: Loaded,
    code: Code = None,
    channel: Channel = None,
    output: Annotated[OutputFormat, typer.Option("--format", help="table or json.")] = OutputFormat.TABLE,
) -> None:
    """What was set aside: when, channel, file, code, sentence."""
    found = list(_chosen(composition.places(loaded), code, channel))
    if output is OutputFormat.JSON:
        files = [{"channel": landing.feed, "path": printable(str(one.path)), **one.reason} for landing, one in found]
        typer.echo(json.dumps(files, ensure_ascii=False, indent=2))
        return
    table = tables.plain("Set aside", "Channel", "File", "Code", "Why", title=f"{len(found)} in quarantine")
    for landing, one in found:
        facts = (one.reason.get("set_aside_at", "")[:19], landing.feed, printable(one.path.name))
        table.add_row(
            *(Text(tables.harmless(str(fact))) for fact in (*facts, one.reason["code"], one.reason["sentence"]))
        )
    tables.console().print(table)


def show(loaded: Loaded, file: File, channel: Channel = None) -> None:
    """The whole reason of one file, and where the file is."""
    for _, one in _named(composition.places(loaded), file, channel):
        typer.echo(json.dumps({"path": printable(str(one.path)), **one.reason}, ensure_ascii=False, indent=2))


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", show_default=False)] = None,
    code: Code = None,
    channel: Channel = None,
) -> None:
    """Send mended files back to their landing directory (all of them, or those chosen)."""
    places = composition.places(loaded)
    chosen = _named(places, file, channel) if file else list(_chosen(places, code, channel))
    for landing, one in chosen:
        landing.quarantine.replay(one, places.clock.now())
    typer.echo(f"{len(chosen)} files went back to data/sources; the next collection reads them again.")


def _chosen(places: Places, code: str | None, channel: str | None) -> Iterator[tuple[Landing, SetAside]]:
    for feed, landing in places.channels:
        for one in landing.quarantine.list():
            if channel in (None, feed.name) and code in (None, one.reason["code"]):
                yield landing, one


def _named(places: Places, file: str, channel: str | None) -> list[tuple[Landing, SetAside]]:
    name = Path(file).name
    found = [(landing, one) for landing, one in _chosen(places, None, channel) if printable(one.path.name) == name]
    if not found:
        raise WrongSettings(
            f"There is no file {tables.harmless(name)} in quarantine. `quarantine list` tells what there is."
        )
    return found
