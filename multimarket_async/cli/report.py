"""report: a generation as one HTML file."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from multimarket_async.app import Application
from multimarket_async.cli.options import GenerationNumber, connected
from multimarket_async.readers import generations
from multimarket_async.readers import report as writing
from multimarket_async.settings import Loaded


def report(
    loaded: Loaded,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    lang: Annotated[Literal["en", "fr"], typer.Option(help="Language of the report.")] = "en",
    number: GenerationNumber = None,
) -> None:
    """Write the KPIs of a generation, with charts, into an HTML file to mail or print."""

    async def work(parts: Application) -> str:
        generation = await generations.generation(parts.store, number)
        language = writing.FRENCH if lang == "fr" else writing.ENGLISH
        return writing.report(parts.domains, generation, language, ZoneInfo(parts.settings.timezone))

    text = connected(loaded, work)
    out.write_text(text, "utf-8")
    typer.echo(f"{out}: {len(text.encode()) / 1000:,.0f} kB.")
