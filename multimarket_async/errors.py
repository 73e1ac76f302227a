"""Errors by their consequence: skip this file, retry, leave out, or stop."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Rejected(Exception):
    """Skip this file: it is quarantined with this reason.

    code: a stable snake_case name, to count and filter by.
    sentence: the fault and its place, for people.
    pointer: the JSON pointer (RFC 6901) of the value at fault; "" is the whole document.
    line, column: place in the text (from 1), for a fault of syntax.
    unfinished: more bytes could complete it, so a young file is deferred.
    facts: anything else that helps to correct it, such as both digests of a conflict.
    also: the other reasons, each of which would be enough.
    """

    code: str
    sentence: str
    pointer: str = ""
    line: int | None = None
    column: int | None = None
    unfinished: bool = False
    facts: dict[str, Any] | None = None
    also: tuple["Rejected", ...] = ()

    def __str__(self) -> str:
        return f"{self.code} at {self.pointer or '/'}: {self.sentence}"


class Unavailable(Exception):
    """Retry: an external system is unavailable, and nothing is lost by waiting."""


class OperationFailed(Exception):
    """Leave out: MongoDB cannot do this, and trying again does not help; the rest goes on."""


class CannotContinue(Exception):
    """Stop: the message says what is wrong, where, and what to do."""

    exit_code = 3


class WrongSettings(CannotContinue):
    """Stop: a setting or an argument has an invalid value."""

    exit_code = 2


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A question that ends a sentence about an unknown name; empty if no known name is like it."""
    close = difflib.get_close_matches(given, [*known], n=1)
    return f" Did you mean {close[0]}?" if close else ""
