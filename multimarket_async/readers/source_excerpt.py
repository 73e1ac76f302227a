"""Excerpts of rejected files: the lines around a fault, with a caret under it.

The fault is located by line and column, or by JSON pointer in text that need not be valid JSON (NaN, duplicate keys).
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from rich.cells import cell_len

from multimarket_async.logs import escape_control_chars
from multimarket_async.strict_json import BOM, pointer_to

WIDTH_CHARS, BEFORE_CHARS = 100, 60  # the part of a long line that is shown; its share before the place
LINES_BEFORE, LINES_AFTER = 2, 1

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_FAULTS_OF_KEYS = {"duplicate_key": 2, "nul_in_key": 1}  # the member of that name that is at fault


class Span(NamedTuple):
    """A range of characters."""

    start: int
    end: int


class Member(NamedTuple):
    """A direct member of an object or a list: its step in a JSON pointer, and the ranges of its key and value."""

    step: str
    key: Span
    value: Span


def excerpt(content: bytes, reason: Mapping[str, Any]) -> list[str]:
    """The lines around the place in the reason; empty if the reason is about the file as a whole."""
    text = content.removeprefix(BOM).decode("utf-8", "backslashreplace")
    if isinstance(reason.get("line"), int) and isinstance(reason.get("column"), int):
        return _drawn(text, _at(text, reason["line"], reason["column"]))
    if reason.get("pointer"):
        return _drawn(text, locate(text, str(reason["pointer"]), str(reason["code"])))
    return []


def locate(text: str, pointer: str, code: str = "") -> Span:
    """The range of the value at this pointer, or of its key for a fault of a key; of its parent if it is missing."""
    place, steps = _span(_TOKEN.search(text)), pointer.split("/")[1:]
    for number, step in enumerate(steps, 1):
        of_key = _FAULTS_OF_KEYS.get(code) if number == len(steps) else None
        named = (member for member in _members(text, place.start) if member.step == step)
        members = list(islice(named, of_key or 1))
        if not members:
            return place
        place = members[-1].key if of_key else members[-1].value
    return place


def _members(text: str, opened_at: int) -> Iterator[Member]:
    """The direct members of the object or list that opens there; none for a simple value."""
    is_object, depth, index = text[opened_at : opened_at + 1] == "{", 0, 0
    key: re.Match[str] | None = None
    for token in _TOKEN.finditer(text, opened_at):
        if depth == 1 and token[0] == ",":
            index, key = index + 1, None
        elif depth == 1 and is_object and key is None:
            key = token
        elif depth == 1 and token[0] not in "]}:":
            yield Member(_step(key) if key else str(index), _span(key or token), _span(token))
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth <= 0:
            return


def _step(key: re.Match[str]) -> str:
    try:
        return pointer_to(json.loads(key[0]))[1:]
    except ValueError:
        return key[0]


def _span(token: re.Match[str] | None) -> Span:
    return Span(*token.span()) if token else Span(0, 0)


def _at(text: str, line: int, column: int) -> Span:
    offset = sum(len(line_before) + 1 for line_before in text.split("\n")[: line - 1])
    start = min(offset + column - 1, len(text))
    return Span(start, start + 1)


def _drawn(text: str, place: Span) -> list[str]:
    """The line of the place and its neighbours, cut to the same columns, and the caret."""
    lines = text.split("\n")
    number = text.count("\n", 0, place.start)
    column = place.start - text.rfind("\n", 0, place.start) - 1
    first = column - BEFORE_CHARS if column > BEFORE_CHARS else 0
    shown = range(max(0, number - LINES_BEFORE), min(len(lines), number + LINES_AFTER + 1))
    drawn = {index: f"{index + 1:>6} | {_cut(lines[index], first)}" for index in shown}
    drawn[number] += "\n" + " " * 7 + "| " + _caret(lines[number], first, column, place.end - place.start)
    return "\n".join(drawn.values()).split("\n")


def _cut(line: str, first: int) -> str:
    line = line.removesuffix("\r")
    window = escape_control_chars(line[first : first + WIDTH_CHARS])
    return ("…" if first and line else "") + window + ("…" if len(line) > first + WIDTH_CHARS else "")


def _caret(line: str, first: int, column: int, length: int) -> str:
    """The caret, as wide as the text is shown: a control character takes four columns."""
    before = ("…" if first else "") + escape_control_chars(line[first:column])
    meant = escape_control_chars(line[column : min(column + length, first + WIDTH_CHARS)])
    return " " * cell_len(before) + "^" * max(1, cell_len(meant))
