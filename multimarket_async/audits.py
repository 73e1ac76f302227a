"""An audit of documents that have follow-ups: their files are put by until all are read, as these may lie anywhere."""

import json
import sqlite3
from collections.abc import Sequence

from multimarket_async.domains import Audit, Row


class Lives:
    """Files on their way to an audit. SQLite keeps those put by in a temporary file of its own and a few MB of memory.

    Files of documents without follow-ups go straight on.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        # The pieces of the archive are read in threads, one after the other.
        self._files = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._files.execute("CREATE TABLE documents (keys TEXT, content BLOB)")
        self._files.execute("CREATE TABLE follow_ups (key TEXT, content BLOB)")
        self._files.execute("CREATE INDEX by_key ON follow_ups (key)")
        self._files.execute("BEGIN")  # never committed: nothing has to survive

    def add(self, content: bytes, keys: Sequence[str], *, followed_up: bool) -> None:
        """The file of the documents with these keys."""
        if followed_up:
            self._files.execute("INSERT INTO documents VALUES (?, ?)", (json.dumps(keys), content))
        else:
            self._audit.add(content)

    def follow_up(self, key: str, content: bytes) -> None:
        """The file of a follow-up of the document with this key."""
        self._files.execute("INSERT INTO follow_ups VALUES (?, ?)", (key, content))

    def rows(self) -> dict[str, list[Row]]:
        """What the audit says of all of them."""
        follow_ups = "SELECT content FROM follow_ups WHERE key IN (SELECT value FROM json_each(?))"
        for keys, content in self._files.execute("SELECT keys, content FROM documents"):
            self._audit.add(content, [one for (one,) in self._files.execute(follow_ups, (keys,))])
        return self._audit.rows()

    def close(self) -> None:
        """Remove the temporary file."""
        self._files.close()
