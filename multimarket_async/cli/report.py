"""report: a generation as one HTML file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from multimarket_async.app import Application
from multimarket_async.cli.kpi import with_parts
from multimarket_async.cli.options import command
from multimarket_async.readers import ledger
from multimarket_async.readers import report as writing
from multimarket_async.settings import Loaded


class ReportLanguage(StrEnum):
    """The values of --lang."""

    EN = "en"
    FR = "fr"


def add_report(app: typer.Typer) -> None:
    """Add this command."""
    command(app)(report)


def report(
    loaded: Loaded,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    lang: Annotated[ReportLanguage, typer.Option(help="Its language: en or fr.")] = ReportLanguage.EN,
    number: Annotated[
        int | None, typer.Option("--generation", help="Number of a generation.", show_default=False)
    ] = None,
) -> None:
    """Write every KPI of a generation, with charts, into one file that can be mailed or printed."""

    async def work(parts: Application) -> str:
        generation = await ledger.generation(parts.store, number)
        language = writing.FRENCH if lang is ReportLanguage.FR else writing.ENGLISH
        return writing.report(parts.domains, generation, language, ZoneInfo(parts.settings.timezone))

    text = with_parts(loaded, work)
    out.write_text(text, "utf-8")
    typer.echo(f"{out}: {len(text.encode()) / 1000:,.0f} kB.")
