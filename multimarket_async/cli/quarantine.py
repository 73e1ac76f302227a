"""quarantine list, show, replay: rejected files and records, their reasons, and their way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async.app import Workspace
from multimarket_async.cli import options
from multimarket_async.cli.options import Format, OutputFormat, chosen
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing, QuarantinedFile, RejectsFile
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.rejects import rejects_data, rejects_lines, summary_data
from multimarket_async.readers.terminal import quarantine_table, reason_data, reason_lines
from multimarket_async.settings import Loaded

Code = Annotated[
    str | None, typer.Option(help="Only files with this code, or with a record of it.", show_default=False)
]
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
    """List the files in quarantine, then the rejected records of accepted files, by feed and time."""
    workspace = chosen(loaded, feed)
    files = [(landing.feed, file) for landing, file in _files(workspace, code=code, changed=changed)]
    lists = [(landing.feed, rejects) for landing, rejects in _lists(workspace, code=code, changed=changed)]
    data = [*(reason_data(*file) for file in files), *(summary_data(*rejects) for rejects in lists)]
    hint = [REPLAY_CHANGED] if any(file.changed() for _, file in files) else []
    options.show(output, data, quarantine_table(files, lists), *hint)


def show(loaded: Loaded, file: FileName, feed: FeedName = None, output: Format = OutputFormat.TABLE) -> None:
    """Show why a file was rejected, with a caret under the place; or the records that were rejected of a file."""
    name, workspace = Path(file).name, chosen(loaded, feed)
    files, lists = list(_files(workspace, name)), list(_lists(workspace, name))
    if not files and not lists:
        raise _missing(name)
    for landing, rejects in lists:
        data = rejects_data(landing.feed, rejects) if output is OutputFormat.JSON else None
        options.show(output, data, *rejects_lines(landing.feed, rejects))
    for landing, quarantined in files:
        options.show(output, reason_data(landing.feed, quarantined), *reason_lines(landing.feed, quarantined))


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", show_default=False)] = None,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
) -> None:
    """Send files, and rejected records as files, back to their landing directory: all, or those chosen."""
    workspace, name = chosen(loaded, feed), Path(file).name if file else None
    if name and not [*_files(workspace, name), *_lists(workspace, name)]:
        times = (landing.quarantine.replayed_at(name) for _, landing in workspace.feeds)
        if not (when := next(filter(None, times), None)):
            raise _missing(name)
        shown = escape_control_chars(name)
        typer.echo(f"0 files went back to data/sources: {shown} went back already, at {when[:19]}.")
        return
    files = list(_files(workspace, name, code=code, changed=changed))
    lists = list(_lists(workspace, name, code=code, changed=changed))
    sent = sum(_send_back(workspace, landing, quarantined) for landing, quarantined in files)
    records = sum(_send_records_back(landing, rejects) for landing, rejects in lists)
    and_records = f" and {records} rejected records" if lists else ""
    typer.echo(f"{sent} files{and_records} went back to data/sources; the next collection reads them again.")


def _send_back(workspace: Workspace, landing: Landing, file: QuarantinedFile) -> bool:
    try:
        landing.quarantine.replay(file, workspace.clock.now())
    except FileNotFoundError:  # another process has sent it back
        return False
    return True


def _send_records_back(landing: Landing, rejects: RejectsFile) -> int:
    try:
        landing.quarantine.records.replay(rejects)
    except FileNotFoundError:  # another process has sent them back
        return 0
    return rejects.records


def _lists(
    workspace: Workspace, name: str | None = None, *, code: str | None = None, changed: bool = False
) -> Iterator[tuple[Landing, RejectsFile]]:
    """Lists of rejected records. That one has been changed cannot be seen."""
    for _, landing in workspace.feeds if not changed else ():
        for rejects in landing.quarantine.records.list():
            if name in (None, printable(rejects.path.name)) and (code is None or code in rejects.codes):
                yield landing, rejects


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
