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
from multimarket_async.logs import escape_control_chars
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
    name = Path(file).name
    files = list(_files(chosen(loaded, feed), name))
    if not files:
        raise _missing(name)
    for landing, quarantined in files:
        options.show(output, reason_data(landing.feed, quarantined), *reason_lines(landing.feed, quarantined))


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", show_default=False)] = None,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
) -> None:
    """Send files back to their landing directory: all, or those chosen."""
    workspace, name = chosen(loaded, feed), Path(file).name if file else None
    if name and not list(_files(workspace, name)):
        times = (landing.quarantine.replayed_at(name) for _, landing in workspace.feeds)
        if not (when := next(filter(None, times), None)):
            raise _missing(name)
        shown = escape_control_chars(name)
        typer.echo(f"0 files went back to data/sources: {shown} went back already, at {when[:19]}.")
        return
    files = list(_files(workspace, name, code=code, changed=changed))
    sent = sum(_send_back(workspace, landing, quarantined) for landing, quarantined in files)
    typer.echo(f"{sent} files went back to data/sources; the next collection reads them again.")


def _send_back(workspace: Workspace, landing: Landing, file: QuarantinedFile) -> bool:
    try:
        landing.quarantine.replay(file, workspace.clock.now())
    except FileNotFoundError:  # another process has sent it back
        return False
    return True


def _files(
    workspace: Workspace, name: str | None = None, *, code: str | None = None, changed: bool = False
) -> Iterator[tuple[Landing, QuarantinedFile]]:
    for _, landing in workspace.feeds:
        for file in landing.quarantine.list():
            matches = name in (None, printable(file.path.name)) and code in (None, file.reason["code"])
            if matches and (not changed or file.changed()):
                yield landing, file


def _missing(name: str) -> WrongSettings:
    name = escape_control_chars(name)
    return WrongSettings(f"There is no file {name} in quarantine. `quarantine list` shows what there is.")
