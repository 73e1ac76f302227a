"""quarantine list, show, replay: rejected files and records, their reasons, and their way back."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async.app import Workspace
from multimarket_async.cli import options
from multimarket_async.cli.language import said, tell
from multimarket_async.cli.options import Format, OutputFormat, chosen
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.landing import Landing, QuarantinedFile, RejectsFile
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import tables
from multimarket_async.readers.rejects import rejects_data, rejects_lines, summary_data
from multimarket_async.readers.terminal import quarantine_table, reason_data, reason_lines
from multimarket_async.settings import Loaded

Code = Annotated[
    str | None, typer.Option(help="Only files with this code, or with a record of it.", show_default=False)
]
FeedName = Annotated[str | None, typer.Option("--feed", help="Only files of this feed.", show_default=False)]
Changed = Annotated[bool, typer.Option("--changed", help="Only files that were changed since they were quarantined.")]
FileName = Annotated[str, typer.Argument(help="Name of the file, as in `quarantine list`.", metavar="FILE")]

REPLAY_CHANGED = "`quarantine replay --changed` sends back the files that were changed since."


def list_all(
    loaded: Loaded,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """List the files in quarantine, then the rejected records of accepted files, by feed and time."""
    workspace = chosen(loaded, feed, create=False)
    files = [(landing.feed, file) for landing, file in _files(workspace, code=code, changed=changed)]
    lists = [(landing.feed, rejects) for landing, rejects in _lists(workspace, code=code, changed=changed)]
    data = [*(reason_data(*file) for file in files), *(summary_data(*rejects) for rejects in lists)]
    hint = [REPLAY_CHANGED] if any(file.changed() for _, file in files) else []
    options.show(output, data, quarantine_table(files, lists), *hint)


def show(loaded: Loaded, file: FileName, feed: FeedName = None, output: Format = OutputFormat.TABLE) -> None:
    """Show why a file was rejected, with a caret under the place; or the records that were rejected of a file."""
    name, workspace = Path(file).name, chosen(loaded, feed, create=False)
    files, lists = list(_files(workspace, name)), list(_lists(workspace, name))
    if not files and not lists:
        raise _missing(name)

    def flags(landing: Landing) -> str:
        """The flags without which `replay` would send back another file."""
        which = f" --feed {landing.feed}" if len(files) + len(lists) > 1 else ""
        return which + options.data_dir_flag(loaded)

    for landing, rejects in lists:
        data = rejects_data(landing.feed, rejects) if output is OutputFormat.JSON else None
        options.show(output, data, *rejects_lines(landing.feed, rejects, flags(landing)))
    for landing, quarantined in files:
        lines = reason_lines(landing.feed, quarantined, flags(landing))
        options.show(output, reason_data(landing.feed, quarantined), *lines)


def replay(
    loaded: Loaded,
    file: Annotated[str | None, typer.Argument(help="Only this file.", metavar="FILE", show_default=False)] = None,
    *,
    code: Code = None,
    feed: FeedName = None,
    changed: Changed = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go back, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send back without a question what nobody has corrected.")] = False,
) -> None:
    """Send files, and rejected records as files, back to their landing directory: all, or those chosen.

    Those that nobody has corrected are rejected again: they go back if a file or a code is named, or after a question.
    """
    workspace, name = chosen(loaded, feed), Path(file).name if file else None
    sources = workspace.settings.data_dir / "sources"
    if name and not [*_files(workspace, name), *_lists(workspace, name)]:
        tell(f"0 files went back to {sources}: {_went_back(workspace, name)}")
        return
    files = list(_files(workspace, name, code=code, changed=changed))
    lists = list(_lists(workspace, name, code=code, changed=changed))
    if dry_run:
        _preview(files, lists)
        return
    if not (name or code or yes):
        corrected = [(landing, found) for landing, found in files if found.changed()]
        if not _agreed(len(files) - len(corrected) + len(lists)):
            files, lists = corrected, []
    sent = sum(_send_back(workspace, landing, quarantined) for landing, quarantined in files)
    records = sum(_send_records_back(landing, rejects) for landing, rejects in lists)
    what = f"{sent} files and {records} rejected records" if lists else f"{sent} files"
    tell(f"{what} went back to {sources}; the next collection reads them again.")


def _went_back(workspace: Workspace, name: str) -> str:
    """The time at which a file went back. Raises WrongSettings if it never did."""
    times = (landing.quarantine.replayed_at(name) for _, landing in workspace.feeds)
    if not (when := next(filter(None, times), None)):
        raise _missing(name)
    return f"{escape_control_chars(name)} went back already, at {when[:19]}."


def _preview(files: Sequence[tuple[Landing, QuarantinedFile]], lists: Sequence[tuple[Landing, RejectsFile]]) -> None:
    named = [(landing.feed, file) for landing, file in files]
    console = tables.console()
    console.print(said(quarantine_table(named, [(landing.feed, rejects) for landing, rejects in lists])))
    corrected = sum(file.changed() for _, file in named)
    tell(f"These would go back; {corrected} of them were changed since they were quarantined. Nothing was sent.")


def _agreed(uncorrected: int) -> bool:
    """The answer to a question about files and lists that nobody has corrected; no where nobody answers."""
    if not uncorrected:
        return True
    tell(
        f"{uncorrected} of them were not changed since they were quarantined: they will be rejected again, unless"
        " settings or orders are others now. Send them back all the same (--yes), or only those that were changed"
        " (--changed)? [y/N] ",
        err=True,
        nl=False,
    )
    answer = sys.stdin.readline() if sys.stdin else ""
    if not answer:
        tell("", err=True)
        raise Unanswered("Nothing was sent back: nobody answered. --yes sends all, --changed those that were changed.")
    return answer.strip().lower() in ("y", "yes", "o", "oui")


class Unanswered(CannotContinue):
    """Stop: a question needs an answer."""


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
