"""check: what would become of files, without a database."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async.cli.formats import formats_of
from multimarket_async.cli.options import DomainName, OutputFormat, show, turned_on
from multimarket_async.domains import Feed, IncomingFile, Preview
from multimarket_async.errors import Rejected, WrongSettings, did_you_mean
from multimarket_async.landing.waiting import suffix_of
from multimarket_async.readers import previewed
from multimarket_async.readers.examined import Examined, examined
from multimarket_async.settings import Loaded, Settings

Files = Annotated[list[Path], typer.Argument(help="The files, wherever they are.", metavar="FILE...")]
FeedName = Annotated[
    str | None,
    typer.Option(
        "--feed",
        help="Feed that reads them. (default: the one whose directory it is, else the one that accepts most)",
        show_default=False,
    ),
]
FormatNames = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="Format of the output, table or json; or of the files, one of `formats list`. May be given for both.",
        show_default=False,
    ),
]


def check_files(
    loaded: Loaded, files: Files, *, feed: FeedName = None, domain: DomainName = None, formats: FormatNames = None
) -> None:
    """Check files before they are delivered: what would be stored, and all reasons why others would not.

    With the format of the files, it shows what each field becomes, and from what, and compares with the total of its
    sender. Nothing is stored, and no database is needed. Exit code 4 if anything would be rejected, or does not add up.
    What contradicts stored documents is found by collecting only.
    """
    output = OutputFormat.JSON if OutputFormat.JSON in (formats or ()) else OutputFormat.TABLE
    if names := [name for name in formats or () if name not in list(OutputFormat)]:
        _preview(loaded, files, names[-1], domain, output)
        return
    settings = loaded.of(Settings)
    feeds = [feed for feed, _ in composition.places(turned_on(loaded, domain)).of(domain).feeds]
    latest = datetime.now(UTC) + timedelta(days=settings.max_ahead_days)
    found = [examined(_readers(feeds, path, feed), path, settings.max_file_bytes, latest) for path in files]
    lines = [line for each in found for line in each.lines()]
    show(output, [each.data() for each in found], *lines, right=all(map(_is_right, found)))


def _is_right(found: Examined) -> bool:
    return found.right


def _readers(feeds: list[Feed], path: Path, name: str | None) -> list[Feed]:
    """The feeds that may read a file. Raises WrongSettings."""
    if not path.is_file():
        raise WrongSettings(f"{path} is no file.")
    names = [feed.name for feed in feeds]
    if name and name not in names:
        raise WrongSettings(f"There is no feed {name}; there are {', '.join(names)}.{did_you_mean(name, names)}")
    own = name or next((part for part in reversed(path.absolute().parts[:-1]) if part in names), None)
    found = [feed for feed in feeds if suffix_of(path.name, feed.suffixes) and own in (None, feed.name)]
    if not found:
        raise WrongSettings(f"{path.name} has the suffix of none of the feeds {own or ', '.join(names)}.")
    return found


def _preview(loaded: Loaded, files: list[Path], name: str, domain: str | None, output: OutputFormat) -> None:
    formats = formats_of(loaded, domain)
    formats.described(name)
    found = [(path.name, list(_previews(path, formats.preview, name))) for path in files]
    lines = [line for each, previews in found for line in previewed.lines(each, name, previews)]
    right = all(previewed.is_right(preview) for _, previews in found for preview in previews)
    show(output, [previewed.data(each, name, previews) for each, previews in found], *lines, right=right)


def _previews(path: Path, preview: Callable[[str, IncomingFile], Iterable[Preview]], name: str) -> Iterator[Preview]:
    if not path.is_file():
        raise WrongSettings(f"{path} is no file.")
    try:
        yield from preview(name, IncomingFile.at(name, path))
    except Rejected as why:
        yield Preview(why.line or 1, "", (), (), {}, (why, *why.also))
