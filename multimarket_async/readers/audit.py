"""Recomputes the documents and the KPIs of a domain from the bytes of its files."""

import sqlite3
from collections.abc import Iterator

from multimarket_async.domains import Document, FollowUp, LoadedDomain, Row


class Audit:
    """Takes every accepted file, in any order; duplicates change nothing, and the first content of a key counts.

    SQLite keeps the files in a temporary file of its own and a few MB of memory. Threads may use it in turn.
    """

    def __init__(self, domain: LoadedDomain) -> None:
        self._domain = domain
        self._feeds = {feed.name: feed for feed in domain.feeds}
        self._files = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._files.execute("CREATE TABLE documents (key TEXT PRIMARY KEY, content BLOB)")
        self._files.execute("CREATE TABLE follow_ups (key TEXT, event TEXT, content BLOB, PRIMARY KEY (key, event))")
        self._files.execute("BEGIN")  # never committed: nothing has to survive

    def add(self, feed: str, name: str, content: bytes) -> None:  # noqa: ARG002  # the name is for messages
        """Take the accepted file `name` of a feed."""
        declared = self._feeds[feed]
        for record in declared.parse(content):
            if not isinstance(record, FollowUp):
                self._files.execute("INSERT OR IGNORE INTO documents VALUES (?, ?)", (record["_id"], content))
            elif life := declared.life:
                event = f"{record.event[life.state]}\0{record.event[life.at]}"
                self._files.execute("INSERT OR IGNORE INTO follow_ups VALUES (?, ?, ?)", (record.key, event, content))

    def rows(self) -> dict[str, list[Row]]:
        """The rows of each KPI by its name, as they must be published."""
        audit = self._domain.audit()
        for _, content, follow_ups in self._stored():
            audit.add(content, follow_ups)
        return audit.rows()

    def documents(self) -> Iterator[tuple[str, Document]]:
        """The key and the document that must be stored, without `ingestion`, in the order of the keys."""
        audit = self._domain.audit()
        for key, content, follow_ups in self._stored():
            yield key, audit.document(content, follow_ups)

    def _stored(self) -> Iterator[tuple[str, bytes, list[bytes]]]:
        follow_ups = "SELECT content FROM follow_ups WHERE key = ?"
        for key, content in self._files.execute("SELECT key, content FROM documents ORDER BY key"):
            yield key, content, [row[0] for row in self._files.execute(follow_ups, (key,))]

    def close(self) -> None:
        """Remove the temporary file."""
        self._files.close()
