"""Pseudonyms: keyed hashes that stand for the IDs of persons. Without the key nobody can tell of whom each is."""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property

BLOCK_BYTES = 64  # of SHA-256, for HMAC (RFC 2104)
CHARS = 32  # of the hash, in hexadecimal
OF_ANY_KEY = r"^p[0-9a-f]{6}-[0-9a-f]{32}$"


@dataclass(frozen=True)
class Pseudonyms:
    """The pseudonyms of one key: `p`, six digits that tell the key from others, and the hash of the ID."""

    key: bytes = field(repr=False)

    def of(self, person: str) -> str:
        """The pseudonym of a person."""
        return f"{self.prefix}{self._hash(person)[:CHARS]}"

    @cached_property
    def prefix(self) -> str:
        """The beginning of all pseudonyms of this key."""
        return f"p{self._hash('')[:6]}-"

    def _hash(self, text: str) -> str:
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    @property
    def in_sql(self) -> str:
        """The same as an expression of DuckDB, of the text `id`."""
        block = (hashlib.sha256(self.key).digest() if len(self.key) > BLOCK_BYTES else self.key).ljust(
            BLOCK_BYTES, b"\0"
        )
        inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
        hashed = f"sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(id))))"
        return f"'{self.prefix}' || left({hashed}, {CHARS})"
