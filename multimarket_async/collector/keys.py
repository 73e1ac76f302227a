"""Contradictions within a file: one key with two contents."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise

from multimarket_async.store import Encoded

BUCKETS = 64
MASK = (1 << 64) - 1
DIGITS = 16  # hexadecimal, 64 bits


class KeyDigests:
    """The keys and digests of a file's documents, 16 bytes for each, so that millions of them fit into memory.

    Both are hashed to 64 bits; a contradiction that is found has to be confirmed by the keys themselves.
    """

    def __init__(self) -> None:
        self._keys = [array("Q") for _ in range(BUCKETS)]
        self._digests = [array("Q") for _ in range(BUCKETS)]

    def add(self, documents: Sequence[object]) -> None:
        """Take more documents; follow-ups do not count."""
        for document in documents:
            if isinstance(document, Encoded):
                key = hashed(document)
                self._keys[key % BUCKETS].append(key)
                self._digests[key % BUCKETS].append(int(document.sha256[:DIGITS], 16))

    def contradicted(self) -> set[int]:
        """The hashes of the keys that came with two contents."""
        return set(self._contradicted())

    def _contradicted(self) -> Iterator[int]:
        for keys, digests in zip(self._keys, self._digests, strict=True):
            for (key, digest), (next_key, next_digest) in pairwise(sorted(zip(keys, digests, strict=True))):
                if key == next_key and digest != next_digest:
                    yield key


def hashed(document: Encoded) -> int:
    """The key of a document in 64 bits, in this process only."""
    return hash(document.key) & MASK
