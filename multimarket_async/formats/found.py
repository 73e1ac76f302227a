"""Conventions of a CSV file that are not declared: each is found over the whole file, never by a value alone."""

import codecs
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain

from multimarket_async.errors import Rejected
from multimarket_async.feeds import IncomingFile
from multimarket_async.formats.columns import Column, Parse
from multimarket_async.formats.csv_rows import Rows
from multimarket_async.formats.texts import Encoding, chunks, decoded, encoding_by_mark
from multimarket_async.strict_json import pointer_to, shown

DELIMITERS = ",;\t|"
REMEMBERED_VALUES = 4096


def encoding_of(
    file: IncomingFile, declared: str | None, fallback: str | None, max_bytes: int, delimiter: str | None = None
) -> Encoding:
    """The encoding that a byte order mark names, else the declared one, else UTF-8 if all of it is, else `fallback`."""
    content = chunks(file, max_bytes, delimiter)
    start = next(content, b"")
    if encoding := encoding_by_mark(start):
        return encoding
    return Encoding(declared or _utf8_or(fallback, chain([start], content)))


def _utf8_or(fallback: str | None, content: Iterable[bytes]) -> str:
    try:
        for _ in decoded(content, Encoding("utf-8")):
            pass
    except Rejected as rejected:
        if rejected.code != "not_utf8" or fallback is None:
            raise
        return fallback
    return "utf-8"


def plain_name(encoding: str) -> str:
    """The codec's name, of the form without a byte order mark. Raises LookupError."""
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(name := codecs.lookup(encoding).name, name)


def delimiter_of(open_lines: Callable[[], Iterator[str]], columns: Collection[str]) -> str:
    """The delimiter that parts the header into most of the declared columns, or else into most columns."""

    def parted(delimiter: str) -> tuple[int, int]:
        header = next(iter(Rows(open_lines(), delimiter)), [])
        names = [] if isinstance(header, Rejected) else [name.strip() for name in header]
        return len(set(columns).intersection(names)), len(names)

    return max(DELIMITERS, key=parted)


def conventions_of(rows: Iterable[list[str]], columns: dict[str, tuple[int, Column]]) -> dict[str, str]:
    """The decimal mark or the order of dates of each column. columns: by header, with their place. Raises Rejected.

    A column whose values mean the same under every convention has none.
    """
    evidence = [(place, _Evidence(header, column)) for header, (place, column) in columns.items()]
    for row in rows:
        for place, found in evidence:
            found.add(row[place])
    return {found.header: convention for _, found in evidence if (convention := found.decided())}


class _Evidence:
    """Evidence in the values of a column for its convention.

    A value speaks for the conventions under which it can be read. Where it means different things under several
    of them, it is ambiguous, and only other values can decide.
    """

    def __init__(self, header: str, column: Column) -> None:
        self.header = header
        self._conventions = column.conventions
        self._parsers: dict[str, Parse] = {name: column.value(name) for name in column.conventions}
        self._readable = lru_cache(REMEMBERED_VALUES)(self._conventions_for)
        self._votes: Counter[frozenset[str]] = Counter()
        self._examples: dict[frozenset[str], str] = {}
        self._ambiguous = ""

    def add(self, text: str) -> None:
        """One more value."""
        if text := text.strip():
            names = self._readable(text)
            self._votes[names] += 1
            self._examples.setdefault(names, text)

    def _conventions_for(self, text: str) -> frozenset[str]:
        """The conventions under which it can be read; all of them if under none."""
        readings = {}
        for name, parse in self._parsers.items():
            try:
                readings[name] = parse(text)
            except Rejected:
                continue
        if len(set(readings.values())) > 1:
            self._ambiguous = self._ambiguous or text
        return frozenset(readings or self._conventions)

    def decided(self) -> str:
        """The convention of all values; "" if any will do. Raises Rejected."""
        possible = frozenset(self._conventions).intersection(*self._votes)
        if not possible:
            return self._majority()
        if len(possible) > 1 and self._ambiguous:
            raise self._rejected(
                "ambiguous", f"{shown(self._ambiguous)} can be read in two ways, and no other value decides"
            )
        return "" if len(possible) == len(self._conventions) else min(possible)

    def _majority(self) -> str:
        """Harmless only where every value can be read in one way alone: then the others are rejected records."""
        ((most, count), *others) = self._votes.most_common()
        if self._ambiguous or self._is_dated or len(most) > 1 or any(votes == count for _, votes in others):
            examples = " and ".join(shown(text) for text in self._examples.values())
            raise self._rejected("mixed", f"its values contradict each other, such as {examples}")
        return next(iter(most))

    def _rejected(self, how: str, why: str) -> Rejected:
        subject = "date_order" if self._is_dated else "decimal"
        code = "ambiguous_dates" if (how, subject) == ("ambiguous", "date_order") else f"{how}_{subject}"
        advice = f"declare the column's {'dates' if self._is_dated else 'decimal'}"
        return Rejected(code, f"{self.header}: {why}; {advice}.", pointer_to(self.header))

    @property
    def _is_dated(self) -> bool:
        return "ymd" in self._conventions
