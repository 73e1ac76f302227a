"""Bytes that are at odds with what a reader expects, for tests of readers."""

import re
from collections.abc import Sequence

TOKEN = re.compile(rb'[^\s,;:"{}\[\]]+')
ODD_WORDS = rb"""
0 -1 1.005 1e400 99999999999999999999 NaN null true {} [ " ' , ; \ud800 =1+1 $where (awaited)
2026-02-30 0001-01-01 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59-12:00
"""
ODD = (*ODD_WORDS.split(), b"", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf")


def changed(content: bytes, changes: Sequence[tuple[float, bool, bytes]]) -> bytes:
    """Bytes with these changes: of a word by its place, 0 to 1, all or the first byte gives way to others."""
    for where, whole, odd in changes:
        words = [match.span() for match in TOKEN.finditer(content)] or [(0, 0)]
        start, end = words[int(where * (len(words) - 1))]
        content = content[:start] + odd + content[end if whole else start + 1 :]
    return content
