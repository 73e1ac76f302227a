"""Rows of a CSV text, each with the physical lines it came from."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from multimarket_async.errors import Rejected

FIELD_CHARS = 1 << 17
ROW_LINES, ROW_CHARS = 1000, 1 << 20
# Lines that are read again after broken quotes: a bound on the work, which otherwise grows with its square.
LINES_AGAIN = 100_000

# Appends the records of plain rows to a list. It gets the lines, and the number of the first one; it gives the first
# line that is no plain row; None behind the last line, or after some of them.
PlainRows: TypeAlias = Callable[[list[Any], Iterator[str], int], str | None]


class Rows:
    """Rows of a CSV text. A row with broken quoting is a Rejected: it is its first line, and reading goes on behind it.

    line: number of the first physical line of the current row. lines: its physical lines, with their ends.
    """

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self.line = 1
        self.lines: list[str] = []
        self._source = lines
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._left = LINES_AGAIN
        self._plain: PlainRows | None = None
        self._rows: Iterator[Any] = self._read()

    @property
    def text(self) -> str:
        """The physical lines of the current row."""
        return self.lines[0] if len(self.lines) == 1 else "".join(self.lines)

    def __iter__(self) -> Iterator[list[str] | Rejected]:
        return self._rows

    def behind_header(self, plain: PlainRows | None) -> Iterator[tuple[Any, ...] | list[str] | Rejected]:
        """The rows from here on; those that `plain` can read as tuples of their records."""
        self._plain = plain
        return self._rows

    def _read(self) -> Iterator[list[str] | tuple[Any, ...] | Rejected]:
        while True:
            try:
                for row in self._parser():
                    if row:
                        yield row
                    self.line += len(self.lines)
                    self.lines.clear()
                    if self._plain and not self._again:
                        yield from self._read_plain(self._plain)
            except csv.Error as error:
                rejected = self._broken(str(error))
                self.keep_first_line()
                yield rejected
                self.line += 1
                self.lines.clear()
            else:
                return

    def _read_plain(self, plain: PlainRows) -> Iterator[tuple[Any, ...]]:
        """The records up to a line that is no plain row, which is to be read again."""
        made: list[Any] = [None]
        while made:
            made.clear()
            try:
                left = plain(made, self._source, self.line)
            except Exception:  # of a line behind these
                yield tuple(made)
                raise
            self.line += len(made)
            yield tuple(made)
            if left is not None:
                self._again.append(left)
                return

    def keep_first_line(self) -> None:
        """Only the first line of the current row is the row; the others are read again. Raises Rejected."""
        self._left -= len(self.lines) - 1
        if self._left < 0:
            sentence = f"Too many quotes are opened and never closed, at last on line {self.line}."
            raise Rejected("unclosed_quote", sentence, line=self.line)
        self._again.extendleft(reversed(self.lines[1:]))
        del self.lines[1:]

    def has_row_behind_first_line(self, fields: int) -> bool:
        """True if a line of the current row, not the first, is a row of so many fields by itself."""
        try:
            return any(len(row) == fields for line in self.lines[1:] for row in self._parsed([line]))
        except csv.Error:
            return False

    def _parser(self) -> Iterator[list[str]]:
        csv.field_size_limit(FIELD_CHARS)  # of the whole process: another library may have raised it
        return self._parsed(self._next_lines())

    def _parsed(self, lines: Iterator[str] | list[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True)

    def _next_lines(self) -> Iterator[str]:
        lines, again, source, chars = self.lines, self._again, self._source, 0
        while (line := again.popleft() if again else next(source, None)) is not None:
            lines.append(line)
            chars = len(line) + (chars if len(lines) > 1 else 0)
            if len(lines) > ROW_LINES or chars > ROW_CHARS:
                raise csv.Error
            yield line

    def _broken(self, why: str) -> Rejected:
        if len(self.lines) > 1 or why == "unexpected end of data":
            return Rejected("unclosed_quote", "A quote is opened on this line and not closed.", line=self.line)
        if "limit" in why:
            return Rejected("field_too_long", f"A value has more than {FIELD_CHARS} characters.", line=self.line)
        return Rejected("bad_quoting", "Text stands behind a closing quote, before the delimiter.", line=self.line)
