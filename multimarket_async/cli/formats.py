"""formats list, formats show, formats suggest: how files of other systems are declared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async.cli.language import say
from multimarket_async.cli.options import DomainName, Format, OutputFormat, show, turned_on
from multimarket_async.domains import Formats, IncomingFile
from multimarket_async.errors import Rejected, WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded

Name = Annotated[str, typer.Argument(help="Its name, as in `formats list`.")]
File = Annotated[Path, typer.Argument(help="A file of the system, with an order or more.")]


def formats_of(loaded: Loaded, domain: str | None) -> Formats:
    """The declared formats of a domain, of the first that has any. Raises WrongSettings."""
    domains = composition.places(turned_on(loaded, domain)).of(domain).domains
    found = next((each.formats for each in domains if each.formats), None)
    if found is None:
        raise WrongSettings("No domain that is on has formats: the setting `domains` turns one on.")
    return found


def list_all(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """List the formats that a channel can have: those that are built in, and those of config/formats."""
    formats = formats_of(loaded, None)
    table, data = tables.plain("Format", "Declared in", "For"), []
    for name in formats.names():
        place, title = formats.described(name)
        data.append({"name": name, "declared_in": place, "title": title})
        table.add_row(name, say(place), say(title))
    show(output, data, table)


def show_declaration(loaded: Loaded, name: Name) -> None:
    """Print the declaration of a format: what to copy to config/formats/<name>.toml, to change it."""
    typer.echo(formats_of(loaded, None).source(name), nl=False)


def suggest(loaded: Loaded, file: File, domain: DomainName = None) -> None:
    """Print a declaration to begin with, guessed from a file: correct it, and save it as config/formats/<name>.toml."""
    try:
        content = IncomingFile("", file.name, datetime.now(UTC), file.read_bytes())
        for line in formats_of(loaded, domain).suggest(content).splitlines():
            typer.echo(escape_control_chars(line))
    except Rejected as rejected:
        raise WrongSettings(f"{file.name}: {say(rejected.sentence)}") from None
