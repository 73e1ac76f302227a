"""bi: addresses and files for BI tools."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from multimarket_async.app import Application
from multimarket_async.cli import options
from multimarket_async.cli.found import check_found
from multimarket_async.cli.language import tell
from multimarket_async.cli.options import connected
from multimarket_async.cli.output import write_file
from multimarket_async.discovery import declared
from multimarket_async.readers.bi import Warehouse, kit
from multimarket_async.readers.http.address import http_address, listening
from multimarket_async.settings import Loaded, Settings
from multimarket_async.sinks import chosen

OWN_MONGODB = (
    "mongo_uri is set: in your MongoDB, create a user for BI tools whose role may `find` in the views kpi_* and list_*,"
    " and in nothing else: the role read shows the names and addresses in the orders."
)


def bi(
    loaded: Loaded,
    write: Annotated[
        Path | None, typer.Option(help="Write files for BI tools into this folder instead.", show_default=False)
    ] = None,
) -> None:
    """Print the read-only addresses for BI tools.

    The connection string of MongoDB, the address of the HTTP API, and those of the sinks that are on, with a guide for
    each tool; all of them work while `run` does.
    """
    address = http_address(loaded.of(Settings))
    if write:
        for name, text in kit(declared(loaded), address, _warehouse(loaded.of(Settings))).items():
            write_file(write / name, text, "--write", create_folder=True)
            typer.echo(str(write / name))
        return
    check_found(loaded.of(Settings), "database")
    kinds = chosen(loaded.of(Settings))
    uri = connected(loaded, _reader_uri)
    tell(uri or OWN_MONGODB, err=not uri)
    typer.echo(f"{address}/api/kpis")
    for kind in kinds:
        access = options.finish(kind.access(loaded.of(Settings)))
        if access.address:
            typer.echo(access.address)
        typer.echo(access.guide, err=True)
    if not listening(loaded.of(Settings)):
        tell("Nothing answers there yet: the addresses above work while `run` does.", err=True)


def _warehouse(settings: Settings) -> Warehouse:
    """The server of the settings, or the embedded one where it is on; else the usual address."""
    own = settings.postgres_uri.get_secret_value() if settings.postgres_uri else ""
    on = [kind for kind in chosen(settings) if kind.name == "warehouse" and not own]
    parts = urlsplit(own or "".join(options.finish(kind.access(settings)).address for kind in on))
    usual = Warehouse(schema=settings.postgres_schema)
    server = f"{parts.hostname}:{parts.port or 5432}" if parts.hostname else usual.server
    return usual._replace(server=server, database=parts.path.strip("/") or usual.database)


async def _reader_uri(application: Application) -> str | None:
    return application.server.reader_uri if application.server else None
