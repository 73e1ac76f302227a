"""bi: addresses and files for BI tools."""

from pathlib import Path
from typing import Annotated

import typer

from multimarket_async.app import Application
from multimarket_async.cli.kpi import measured
from multimarket_async.cli.options import connected
from multimarket_async.readers.bi import kit
from multimarket_async.readers.http.address import http_address
from multimarket_async.settings import Loaded, Settings

OWN_MONGODB = "mongo_uri is set: create a user with the role read for BI tools in your MongoDB."


def bi(
    loaded: Loaded,
    write: Annotated[
        Path | None, typer.Option(help="Write files for BI tools into this folder instead.", show_default=False)
    ] = None,
) -> None:
    """Print the read-only addresses for BI tools.

    The connection string of MongoDB and the address of the HTTP API; both work while `run` does.
    """
    if write:
        _write(write, loaded)
        return
    if uri := connected(loaded, _reader_uri):
        typer.echo(uri)
    else:
        typer.echo(OWN_MONGODB, err=True)
    typer.echo(f"{http_address(loaded.of(Settings))}/api/kpis")


async def _reader_uri(application: Application) -> str | None:
    return application.server.reader_uri if application.server else None


def _write(folder: Path, loaded: Loaded) -> None:
    for name, text in kit(measured(loaded), http_address(loaded.of(Settings))).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        typer.echo(str(file))
