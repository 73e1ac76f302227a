"""A JSON text that is read piece by piece: its values one after the other, and the place of each."""

import json
import re
from collections.abc import Iterator

from multimarket_async.errors import Rejected
from multimarket_async.strict_json import is_cut, shown

VALUE_CHARS = 16 << 20
# Where the scanner stops so near to the end of what was read, it may be within a token: two \u escapes at most.
CUT_TOKEN_CHARS = 16
_BLANKS, _BLANKS_OF_LINE = re.compile(r"[ \t\r\n]*"), re.compile(r"[ \t\r]*")
# Only the end of a value is wanted. Its integers are not: beyond some thousand digits Python refuses them.
_SCANNER = json.JSONDecoder(parse_int=float)


class JsonText:
    """The part of a JSON text that is in memory, and the current place in it."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = filter(None, texts)
        self._text = ""
        self._at = 0
        self._counted = 0  # up to here, lines are counted
        self._line = 1
        self._line_start = 0  # from the start of the text in memory on, so it may be negative

    def place(self) -> tuple[int, int]:
        """The current line and column, from 1."""
        self._line, column = self._place_of(self._at)
        self._counted, self._line_start = self._at, self._at - column + 1
        return self._line, column

    def _place_of(self, at: int) -> tuple[int, int]:
        newlines = self._text.count("\n", self._counted, at)
        start = self._text.rindex("\n", 0, at) + 1 if newlines else self._line_start
        return self._line + newlines, at - start + 1

    def next_char(self) -> str:
        """Pass blanks; the character behind them, "" at the end."""
        return self._behind(_BLANKS)

    def is_at_line_end(self) -> bool:
        """Pass blanks; True if the line ends behind them."""
        return self._behind(_BLANKS_OF_LINE) in ("\n", "")

    def _behind(self, blanks: re.Pattern[str]) -> str:
        while True:
            self._at = blanks.match(self._text, self._at).end()  # type: ignore[union-attr]  # it may be empty
            if self._at < len(self._text) or not self._read_on(1):
                return self._text[self._at : self._at + 1]

    def take(self, expected: str) -> str:
        """Pass one of these characters. Raises Rejected."""
        if (char := self.next_char()) and char in expected:
            self._at += 1
            return char
        raise self._fault(self._at, f"{' or '.join(expected)} is expected", cut=not char)

    def passes(self, char: str) -> bool:
        """Pass this character if it is the next one."""
        passed = self.next_char() == char
        self._at += passed
        return passed

    def end(self) -> None:
        """Pass blanks up to the end. Raises Rejected."""
        if self.next_char():
            raise self._fault(self._at, "the end is expected", cut=False)

    def value(self) -> str:
        """Pass a value; its text. Raises Rejected, and then the value is still to be passed."""
        self.next_char()
        while True:
            try:
                _, end = _SCANNER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                may_go_on = error.msg.startswith("Unterminated") or len(self._text) - error.pos < CUT_TOKEN_CHARS
                if may_go_on and self._read_on(2 * (len(self._text) - self._at)):
                    continue
                cut = may_go_on and is_cut(self._text, error)
                raise self._fault(error.pos, error.msg.removesuffix(" at").rstrip(": ").lower(), cut=cut) from None
            except RecursionError:
                raise self._rejected(self._at, "too_deep", "Too many objects and lists lie inside each other") from None
            # A number may go on in what was not read yet.
            if end < len(self._text) or not self._read_on(len(self._text) - self._at + 1):
                return self._passed(end)

    def rest_of_line(self) -> str:
        """Pass the rest of the line, its end included. Raises Rejected."""
        while (end := self._text.find("\n", self._at)) < 0:
            if not self._read_on(2 * (len(self._text) - self._at)):
                return self._passed(len(self._text))
        return self._passed(end + 1)

    def back(self, chars: int) -> None:
        """Go back by so many characters of what was passed last."""
        self._at -= chars

    def _passed(self, end: int) -> str:
        start, self._at = self._at, end
        return self._text[start:end]

    def _read_on(self, chars: int) -> bool:
        """Have so many characters in memory, from the current place on; False if nothing is left. Raises Rejected."""
        pieces, size = [self._text[self._at :]], len(self._text) - self._at
        while size < max(chars, 1) and (text := next(self._texts, "")):
            pieces.append(text)
            size += len(text)
        if size > VALUE_CHARS:
            raise self._rejected(self._at, "record_too_large", f"A value has more than {VALUE_CHARS} characters")
        if len(pieces) == 1:
            return False
        self.place()
        self._text, self._line_start = "".join(pieces), self._line_start - self._at
        self._at = self._counted = 0
        return True

    def _fault(self, at: int, why: str, *, cut: bool) -> Rejected:
        """A fault of syntax. cut: more bytes could complete the text."""
        if cut:
            return self._rejected(len(self._text), "truncated", "The text ends too early", unfinished=True)
        return self._rejected(at, "syntax_error", f"This is not JSON: {why}, found {shown(self._text[at : at + 1])}")

    def _rejected(self, at: int, code: str, sentence: str, *, unfinished: bool = False) -> Rejected:
        line, column = self._place_of(at)
        sentence = f"{sentence}, at line {line}, column {column}."
        return Rejected(code, sentence, line=line, column=column, unfinished=unfinished)
