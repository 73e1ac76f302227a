"""The language of what a command prints for people: that of --lang, or of the environment. Data is in no language."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

import typer
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from multimarket_async.discovery import declared
from multimarket_async.errors import CannotContinue
from multimarket_async.readers.language import ENGLISH, FRENCH, Language
from multimarket_async.readers.terminal import Fitting
from multimarket_async.settings import Loaded

Code: TypeAlias = Literal["en", "fr"]
FLAG = Annotated[
    Code | None,
    typer.Option(help="Language of what is for people. (default: that of LC_ALL or LANG)", show_default=False),
]
LINE = re.compile(r"\S(?:.*\S)?")
NAMES = ("Feed", "File", "Code", "KPI")  # columns that hold no words

_spoken = ENGLISH


def speak(code: Code | None, loaded: Loaded | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """Choose the language of this process, with the words of the domains that are on."""
    global _spoken  # noqa: PLW0603 - a process has one terminal
    given = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    _spoken = FRENCH if (code or given[:2].lower()) == "fr" else ENGLISH
    if loaded and _spoken is FRENCH:
        try:
            domains = declared(loaded)
        except CannotContinue:  # the command itself says so
            return
        _spoken = FRENCH.extended({text: word for domain in domains for text, word in domain.french.items()})


def spoken() -> Language:
    """The language that was chosen."""
    return _spoken


def say(text: str) -> str:
    """Lines in that language, each with the white space around it."""
    return text if _spoken is ENGLISH else LINE.sub(lambda line: _spoken.say(line[0]), text)


def tell(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print lines in that language."""
    typer.echo(say(text), err=err, nl=nl)


def said(part: RenderableType) -> RenderableType:
    """A part of the output in that language: lines, tables, and groups of them."""
    match part:
        case str():
            part = say(part)
        case Text():
            part = Text(say(part.plain), part.style)
        case Group():
            part = Group(*map(said, part.renderables))
        case Table():
            part = _table(part) if _spoken is not ENGLISH else part
        case Fitting():
            part = Fitting(_table(part.table), Text(say(part.lines.plain))) if _spoken is not ENGLISH else part
    return part


def _table(table: Table) -> Table:
    """The same table with other headings and cells."""
    other = Table(title=say(str(table.title)) if table.title else None, box=table.box, padding=table.padding)
    other.title_justify, other.title_style = table.title_justify, table.title_style
    other.columns = [_column(column) for column in table.columns]
    other.rows = table.rows
    return other


def _column(column: Column) -> Column:
    cells: Sequence[RenderableType] = [*column.cells]
    cells = cells if str(column.header) in NAMES else [said(cell) for cell in cells]
    return replace(column, header=said(column.header), _cells=[*cells])
