"""quarantine list, show, replay: rejected files, their reasons, and their way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async.app import Workspace
from multimarket_async.cli import options
from multimarket_async.cli.options import Format, OutputFormat, chosen
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing, QuarantinedFile
from multimarket_async.landing.waiting import printable
from multimarket_async.readers import tables
from multimarket_async.readers.terminal import quarantine_table, reason_data, reason_lines
from multimarket_async.settings import Loaded

Code = Annotated[str | None, typer.Option(help="Only files with this code.", show_default=False)]
FeedName = Annotated[str | None, typer.Option("--feed", help="Only files of this feed.", show_default=False)]
Changed = Annotated[bool, typer.Option("--changed", help="Only files that were changed since they were quarantined.")]
FileName = Annotated[str, typer.Argument(help="Name of the file, as in `quarantine list`.")]

REPLAY_CHANGED = "`quarantine replay --changed` sends back the files that were changed since."


def list_all(
    loaded: Loaded,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """List the files in quarantine, by feed and time."""
    files = [(landing.feed, file) for landing, file in _files(chosen(loaded, feed), code=code, changed=changed)]
    hint = [REPLAY_CHANGED] if any(file.changed() for _, file in files) else []
    options.show(output, [reason_data(*file) for file in files], quarantine_table(files), *hint)


def show(loaded: Loaded, file: FileName, feed: FeedName = None, output: Format = OutputFormat.TABLE) -> None:
    """Show why a file was rejected, with a caret under the place."""
    for landing, quarantined in _named(chosen(loaded, feed), file):
        options.show(output, reason_data(landing.feed, quarantined), *reason_lines(landing.feed, quarantined))


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", show_default=False)] = None,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
) -> None:
    """Send files back to their landing directory: all, or those chosen."""
    workspace = chosen(loaded, feed)
    if file and (when := _replayed_at(workspace, Path(file).name)):
        name = tables.escape_control_chars(Path(file).name)
        typer.echo(f"0 files went back to data/sources: {name} went back already, at {when[:19]}.")
        return
    files = _files(workspace, _named(workspace, file) if file else None, code=code, changed=changed)
    sent = sum(_send_back(workspace, landing, quarantined) for landing, quarantined in list(files))
    typer.echo(f"{sent} files went back to data/sources; the next collection reads them again.")


def _send_back(workspace: Workspace, landing: Landing, file: QuarantinedFile) -> bool:
    try:
        landing.quarantine.replay(file, workspace.clock.now())
    except FileNotFoundError:  # another process has sent it back
        return False
    return True


def _replayed_at(workspace: Workspace, name: str) -> str | None:
    """When a file of this name went back, if none is in quarantine now."""
    if any(printable(file.path.name) == name for _, file in _files(workspace)):
        return None
    return next((when for _, landing in workspace.channels if (when := landing.quarantine.replayed_at(name))), None)


def _files(
    workspace: Workspace,
    among: list[tuple[Landing, QuarantinedFile]] | None = None,
    *,
    code: str | None = None,
    changed: bool = False,
) -> Iterator[tuple[Landing, QuarantinedFile]]:
    every = ((landing, file) for _, landing in workspace.channels for file in landing.quarantine.list())
    for landing, file in every if among is None else among:
        if code in (None, file.reason["code"]) and (not changed or file.changed()):
            yield landing, file


def _named(workspace: Workspace, path: str) -> list[tuple[Landing, QuarantinedFile]]:
    name = Path(path).name
    files = [(landing, file) for landing, file in _files(workspace) if printable(file.path.name) == name]
    if not files:
        name = tables.escape_control_chars(name)
        raise WrongSettings(f"There is no file {name} in quarantine. `quarantine list` shows what there is.")
    return files
