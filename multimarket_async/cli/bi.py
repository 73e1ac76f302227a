"""bi: how BI tools connect, and the files that make it easy."""

from pathlib import Path
from typing import Annotated

import typer

from multimarket_async.app import Application
from multimarket_async.cli.addresses import http_address
from multimarket_async.cli.kpi import measured, with_parts
from multimarket_async.cli.options import command
from multimarket_async.readers.bi import kit
from multimarket_async.settings import Loaded, Settings

YOURS = "With mongo_uri set, the users are yours: give BI tools a user with the role read."


def add_bi(app: typer.Typer) -> None:
    """Add this command."""
    command(app)(bi)


def bi(
    loaded: Loaded,
    write: Annotated[
        Path | None, typer.Option(help="Write the files for BI tools into this folder instead.", show_default=False)
    ] = None,
) -> None:
    """Print the read-only connection string and the HTTP address for BI tools; both work as long as `run` does."""
    if write:
        _write(write, loaded)
        return
    if uri := with_parts(loaded, _reader_uri):
        typer.echo(uri)
    else:
        typer.echo(YOURS, err=True)
    typer.echo(f"{http_address(loaded.of(Settings))}/api/kpis")


async def _reader_uri(application: Application) -> str | None:
    return application.server.reader_uri if application.server else None


def _write(folder: Path, loaded: Loaded) -> None:
    for name, text in kit(measured(loaded), http_address(loaded.of(Settings))).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        typer.echo(str(file))
