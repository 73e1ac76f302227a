"""archive pack: days of the archive in a compressed file each."""

from typing import Annotated

import typer

from multimarket_async.cli.options import chosen
from multimarket_async.landing import pack
from multimarket_async.producer import Period
from multimarket_async.settings import Loaded


def pack_days(
    loaded: Loaded,
    older_than: Annotated[str, typer.Option("--older-than", help="Age of the days to pack: 30days, 8weeks, 2months.")],
    feed: Annotated[str | None, typer.Option("--feed", help="Only files of this feed.", show_default=False)] = None,
) -> None:
    """Pack archived files that are older, one compressed tar file a day and feed.

    `status` and `verify` count and read them as before; tar -xzf gives them back, for example to collect them again.
    """
    workspace = chosen(loaded, feed, create=False)
    day = Period.before(workspace.clock.now(), older_than).earliest.date()
    for _, landing in workspace.feeds:
        done = pack(landing.archived, day)
        sizes = f": {done.before:,} bytes became {done.after:,}" if done.files else ""
        typer.echo(f"{landing.feed}: {done.files:,} files of {done.days:,} days were packed{sizes}.")
