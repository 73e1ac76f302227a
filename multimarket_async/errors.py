"""What can go wrong, grouped by what happens next: skip this file, retry, or stop."""

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Rejected(Exception):
    """Skip this file: it is set aside with this reason.

    code: a stable snake_case name, to count and filter by.
    sentence: what is wrong and where, for a human.
    pointer: the JSON pointer (RFC 6901) of the value at fault; "" is the whole document.
    line, column: 1-based place in the text, where the fault is one of syntax.
    unfinished: more bytes could still mend it, so a young file is left to its writer.
    facts: anything more that helps to mend it (both digests of a conflict, say).
    """

    code: str
    sentence: str
    pointer: str = ""
    line: int | None = None
    column: int | None = None
    unfinished: bool = False
    facts: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.code} at {self.pointer or '/'}: {self.sentence}"


class Unavailable(Exception):
    """Retry: something outside is away for now, and nothing is lost by waiting."""


class CannotContinue(Exception):
    """Stop: the message says what is wrong, where, and what to do about it."""

    exit_code = 3


class WrongSettings(CannotContinue):
    """Stop: a setting has a value that cannot be used."""

    exit_code = 2
