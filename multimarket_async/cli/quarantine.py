"""quarantine list, show, replay: what was set aside, why, and its way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Workspace
from multimarket_async.cli.options import OutputFormat, command
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing, QuarantinedFile
from multimarket_async.landing.waiting import printable
from multimarket_async.readers import tables
from multimarket_async.readers.source_excerpt import excerpt
from multimarket_async.settings import Loaded

Code = Annotated[str | None, typer.Option(help="Only files set aside with this code.", show_default=False)]
Channel = Annotated[str | None, typer.Option(help="Only files of this channel.", show_default=False)]
Changed = Annotated[bool, typer.Option("--changed", help="Only files that were written to since they were set aside.")]
Format = Annotated[OutputFormat, typer.Option("--format", help="table or json.")]
File = Annotated[str, typer.Argument(help="Name of the file, as `quarantine list` tells it.")]

_HOW_TO_REPLAY_CHANGED = "`quarantine replay --changed` sends back what was written to since it was set aside."
_TOLD_APART = frozenset(("code", "sentence", "pointer", "line", "column", "file", "feed", "attempts", "changed_ns"))


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
    changed: Changed = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """What was set aside: when, channel, file, code, sentence, and whether it was written to since."""
    found = list(_chosen(composition.workspace(loaded), code, channel, changed=changed))
    if output is OutputFormat.JSON:
        typer.echo(tables.terminal_safe_json([{"channel": landing.feed, **_as_data(one)} for landing, one in found]))
        return
    table = tables.plain("Set aside", "Channel", "File", "Code", "Why", "Since", title=f"{len(found)} in quarantine")
    marks = ["changed" if one.changed() else "" for _, one in found]
    for (landing, one), mark in zip(found, marks, strict=True):
        when, name = str(one.reason.get("quarantined_at", ""))[:19], printable(one.path.name)
        cells = (when, landing.feed, name, one.reason["code"], one.reason["sentence"], mark)
        table.add_row(*(Text(tables.escape_control_chars(cell)) for cell in cells))
    tables.console().print(table)
    if any(marks):
        typer.echo(_HOW_TO_REPLAY_CHANGED)


def show(loaded: Loaded, file: File, channel: Channel = None, output: Format = OutputFormat.TABLE) -> None:
    """Why one file was set aside: the reason, and the place in its text with a caret under it."""
    for landing, one in _named(composition.workspace(loaded), file, channel):
        if output is OutputFormat.JSON:
            typer.echo(tables.terminal_safe_json(_as_data(one)))
        else:
            typer.echo("\n".join(_told(landing, one)))


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", show_default=False)] = None,
    code: Code = None,
    channel: Channel = None,
    changed: Changed = False,
) -> None:
    """Send mended files back to their landing directory (all of them, or those chosen)."""
    workspace = composition.workspace(loaded)
    if file and (when := _went_back(workspace, file, channel)):
        name = tables.escape_control_chars(Path(file).name)
        typer.echo(f"0 files went back to data/sources: {name} did already, at {when[:19]}.")
        return
    named = _named(workspace, file, channel) if file else None
    chosen = list(_chosen(workspace, code, channel, changed=changed, among=named))
    sent = sum(_send_back(workspace, landing, one) for landing, one in chosen)
    typer.echo(f"{sent} files went back to data/sources; the next collection reads them again.")


def _send_back(workspace: Workspace, landing: Landing, one: QuarantinedFile) -> bool:
    try:
        landing.quarantine.replay(one, workspace.clock.now())
    except FileNotFoundError:  # somebody else has sent it back
        return False
    return True


def _went_back(workspace: Workspace, file: str, channel: str | None) -> str | None:
    """When a file of this name went back, if none is in quarantine now."""
    name = Path(file).name
    if any(printable(one.path.name) == name for _, one in _chosen(workspace, None, channel)):
        return None
    landings = [landing for feed, landing in workspace.channels if channel in (None, feed.name)]
    return next((when for landing in landings if (when := landing.quarantine.replayed_at(name))), None)


def _chosen(
    workspace: Workspace,
    code: str | None,
    channel: str | None,
    *,
    changed: bool = False,
    among: list[tuple[Landing, QuarantinedFile]] | None = None,
) -> Iterator[tuple[Landing, QuarantinedFile]]:
    every = ((landing, one) for _, landing in workspace.channels for one in landing.quarantine.list())
    for landing, one in every if among is None else among:
        if channel in (None, landing.feed) and code in (None, one.reason["code"]) and (not changed or one.changed()):
            yield landing, one


def _named(workspace: Workspace, file: str, channel: str | None) -> list[tuple[Landing, QuarantinedFile]]:
    name = Path(file).name
    found = [(landing, one) for landing, one in _chosen(workspace, None, channel) if printable(one.path.name) == name]
    if not found:
        name = tables.escape_control_chars(name)
        raise WrongSettings(f"There is no file {name} in quarantine. `quarantine list` shows what there is.")
    return found


def _as_data(one: QuarantinedFile) -> dict[str, Any]:
    """The reason, its file's name as text that any JSON can hold."""
    named = {"file": printable(str(one.reason["file"]))} if "file" in one.reason else {}
    return {"path": printable(str(one.path)), **one.reason, **named, "changed": one.changed()}


def _told(landing: Landing, one: QuarantinedFile) -> Iterator[str]:
    """The reason for people: what, where in the text, the facts, what was tried, what to do."""
    name, reason = tables.escape_control_chars(printable(one.path.name)), one.reason
    where = f" at {tables.escape_control_chars(str(reason['pointer']))}" if reason.get("pointer") else ""
    yield f"{landing.feed}/{name}: {tables.escape_control_chars(reason['code'])}{where}"
    yield tables.escape_control_chars(reason["sentence"])
    yield from _place(one)
    for fact, value in reason.items():
        if fact not in _TOLD_APART and value is not None:
            yield f"{tables.escape_control_chars(fact)}: {tables.escape_control_chars(str(value))}"
    for attempt in reason.get("attempts", []):
        yield tables.escape_control_chars(
            "replayed before: {replayed_at}, was {code} {pointer}".format_map({"pointer": "", **attempt})
        )
    yield f"file: {tables.escape_control_chars(printable(str(one.path)))}"
    yield f"Mend it there, then send it back: quarantine replay {name}"


def _place(one: QuarantinedFile) -> list[str]:
    """The excerpt, if the text is still the one that was judged."""
    if one.changed():
        return ["It was written to since it was set aside; the place named is that of its old text."]
    try:
        lines = excerpt(one.content(), one.reason)
    except OSError as error:
        return [f"Its text cannot be shown: {error.strerror}."]
    return ["", *lines, ""] if lines else []
