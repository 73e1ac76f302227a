"""Reasons of a rejected record, from what the maker of a domain raises."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from multimarket_async.errors import Rejected
from multimarket_async.feeds import Document, FollowUp
from multimarket_async.strict_json import pointer_to

# A record's document or follow-up. It raises Rejected, or the ValidationError of pydantic.
Make: TypeAlias = Callable[[dict[str, Any]], Document | FollowUp]

MOST_REASONS = 100


def reasons_of(error: Exception) -> list[Rejected]:
    """Every fault that was found in a record. A mistake of its domain is a fault of this record only."""
    if isinstance(error, Rejected):
        return [replace(error, also=()), *error.also]
    if not isinstance(error, ValidationError):
        return [Rejected("parser_failed", f"the domain failed on it: {error!r}")]
    faults = error.errors(include_url=False, include_context=False)[:MOST_REASONS]
    return [
        Rejected(fault["type"], _sentence(fault["loc"], fault["msg"]), pointer_to(*fault["loc"])) for fault in faults
    ]


def _sentence(place: tuple[str | int, ...], fault: str) -> str:
    return f"{'.'.join(map(str, place))}: {fault}." if place else f"{fault}."


def at_line(rejected: Rejected, line: int, *, unfinished: bool) -> Rejected:
    """The reason with the line of its record, if it names none. unfinished: more bytes could complete the record."""
    return replace(rejected, line=rejected.line or line, unfinished=unfinished)
