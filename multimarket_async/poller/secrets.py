"""Secrets that must not leave the process: keys of APIs, in whatever form an answer or an error repeats them."""

import json
import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote, quote_plus

SHORTEST = 8  # shorter ones are words of the content too
HIDDEN = b"***"


class Secrets:
    """The secrets known so far: those of the settings, and those that requests were made with."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[bytes] = set()
        self._pattern = re.compile(rb"(?!)")
        for value in values:
            if len(value) >= SHORTEST:
                self.add(value)

    def add(self, value: str) -> str:
        """Learn a secret, and return it. Raises ValueError for one that is too short to be recognized."""
        if len(value) < SHORTEST:
            raise ValueError(f"a secret of fewer than {SHORTEST} characters cannot be kept out of files and logs")
        new = set(_forms(value)) - self._forms
        if new:
            self._forms |= new
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile(b"|".join(map(re.escape, longest_first)), re.IGNORECASE)  # %2F and %2f
        return value

    def hide(self, content: bytes) -> bytes:
        """The content with *** in place of each secret."""
        return self._pattern.sub(HIDDEN, content)

    def hide_in(self, text: str) -> str:
        """The same of a text."""
        return self.hide(text.encode("utf-8", "backslashreplace")).decode()


def _forms(value: str) -> Iterable[bytes]:
    """A secret as it is, in URLs, in JSON, in HTML; of `Bearer <token>` the token alone too."""
    for part in {value, value.strip(), value.strip().rpartition(" ")[2]}:
        if len(part) >= SHORTEST:
            in_json = json.dumps(part)[1:-1]
            forms = part, quote(part, safe=""), quote(part), quote_plus(part), in_json, in_json.replace("/", "\\/")
            yield from (form.encode() for form in (*forms, escape(part)))
