"""Columns of a CSV file: each declares the type of its values, and makes the function that reads one.

Blanks around a value are not part of it, and a value without any other character is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar, TypeAlias

from multimarket_async.errors import Rejected
from multimarket_async.strict_json import shown

Parse: TypeAlias = Callable[[str], Any]


@dataclass(frozen=True)
class Demand:
    """A rule that each value of a column must meet: its name, which is the code of a rejection; in words; a test."""

    name: str
    words: str
    holds: Callable[[Any], bool]

    def check(self, value: Any, text: str) -> None:
        """Raises Rejected."""
        if not self.holds(value):
            raise Rejected(self.name, f"{shown(text)} is against the rule: {self.words}")


@dataclass(frozen=True)
class Column:
    """A column whose values become the field `field` of a row. nullable: a missing value is None.

    demands: rules for values that are not missing; one that breaks several is rejected for the first.

    Number, Integer, Money, Date and Instant have a convention of their own (`decimal`, `dates`) where it differs
    from the one of the file.
    """

    field: str
    nullable: bool = False
    demands: tuple[Demand, ...] = dataclass_field(default=(), kw_only=True)
    conventions: ClassVar[tuple[str, ...]] = ()

    def declared(self, decimal: str | None, dates: str | None) -> str | None:  # noqa: ARG002
        """The convention that was declared for its values; None: it is to be found."""
        return ""

    def parser(self, convention: str | None) -> Parse:
        """The function that reads a value. It raises Rejected. convention: None where any will do."""
        value, nullable = self._demanded(self.value(convention or next(iter(self.conventions), ""))), self.nullable

        def parse(text: str) -> Any:
            if text := text.strip():
                return value(text)
            if nullable:
                return None
            raise Rejected("missing_value", "a value is missing")

        return parse

    def _demanded(self, read: Parse) -> Parse:
        """The same function, which also raises Rejected for values against a rule."""
        demands = self.demands
        if not demands:
            return read

        def read_and_check(text: str) -> Any:
            value = read(text)
            for demand in demands:
                demand.check(value, text)
            return value

        return read_and_check

    def value(self, convention: str) -> Parse:
        """The function that reads a text which is neither empty nor has blanks around it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Column):
    """A text."""

    def value(self, convention: str) -> Parse:  # noqa: ARG002, D102
        return _text


def _text(text: str) -> str:
    if "\0" in text:
        raise Rejected("nul_character", f"{shown(text)} holds a NUL character")
    return text


@dataclass(frozen=True)
class Boolean(Column):
    """True or false, by these words, whatever their case."""

    true: tuple[str, ...] = ("true", "yes", "1")
    false: tuple[str, ...] = ("false", "no", "0")

    def value(self, convention: str) -> Parse:  # noqa: ARG002, D102
        words = {**dict.fromkeys(self.true, True), **dict.fromkeys(self.false, False)}

        def read(text: str) -> bool:
            if (known := words.get(text.casefold())) is None:
                raise Rejected("not_a_boolean", f"{shown(text)} is none of {', '.join(words)}")
            return known

        return read
