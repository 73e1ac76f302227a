"""check: what would become of files, without a database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async.cli.options import DomainName, Format, OutputFormat, show, turned_on
from multimarket_async.domains import Feed
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.landing.waiting import suffix_of
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


def check_files(
    loaded: Loaded,
    files: Files,
    *,
    feed: FeedName = None,
    domain: DomainName = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Check files before they are delivered: what would be stored, and all reasons why others would not.

    Nothing is stored, and no database is needed. Exit code 4 if anything would be rejected. What contradicts stored
    documents is found by collecting only.
    """
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
