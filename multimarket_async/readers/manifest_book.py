"""What manifests want beside what is found, file by file, in a temporary SQLite file and a few MB of memory."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from multimarket_async.domains import DUPLICATE, STORED
from multimarket_async.manifest import lines_of

ARCHIVED, WAITING = "archived", "waiting"
TABLES = """
CREATE TABLE wanted (id INTEGER PRIMARY KEY, run INT, feed TEXT, name TEXT, sha256 TEXT, expected TEXT, became TEXT,
    fault TEXT, follows TEXT, certain INT DEFAULT 1);
CREATE TABLE found (feed TEXT, sha256 TEXT, became TEXT, path TEXT);
"""
INDEXES = """
CREATE INDEX follow_ups ON wanted (run, feed, follows) WHERE follows <> '';
CREATE INDEX uncertain ON wanted (feed, name) WHERE NOT certain;
CREATE INDEX contents ON found (feed, sha256);
"""
# Both sides by content and by what became of it, without what agrees.
UNEQUAL = """
SELECT feed, sha256, became, sum(wanted), sum(certain), sum(found), max(name), max(path) FROM (
    SELECT feed, sha256, became, 1 AS wanted, certain, 0 AS found, name, NULL AS path FROM wanted
    UNION ALL SELECT feed, sha256, became, 0, 0, 1, NULL, path FROM found)
GROUP BY feed, sha256, became HAVING sum(wanted) <> sum(found) ORDER BY feed, sha256
"""
KNOWN = "SELECT name FROM wanted WHERE feed = ? AND sha256 = ? LIMIT 1"
HALF = "SELECT 1 FROM wanted WHERE feed = ? AND name = ? AND fault = 'torn' AND NOT certain"
# The archived files of a document and its follow-ups; null is one that certainly was received, and is not there.
DOCUMENTS = """
SELECT feed, sha256,
    (SELECT path FROM found WHERE feed = one.feed AND sha256 = one.sha256 AND became = 'archived' LIMIT 1),
    (SELECT json_group_array(path) FROM
        (SELECT certain, (SELECT path FROM found
            WHERE feed = later.feed AND sha256 = later.sha256 AND became = 'archived' LIMIT 1) AS path
        FROM wanted later WHERE (run, feed, follows) = (one.run, one.feed, one.name)
            AND follows <> '' AND expected = 'stored')
    WHERE certain OR path IS NOT NULL)
FROM wanted one
WHERE expected = 'stored' AND follows = '' AND feed IN (SELECT value FROM json_each(?)) ORDER BY id
"""
ORDERS = """
SELECT count(*) FROM wanted WHERE expected = 'stored' AND follows = '' AND feed IN (SELECT value FROM json_each(?))
"""


class Unequal(NamedTuple):
    """Files of one content of which more or fewer became this than should.

    certain: those of the wanted ones that were received before their run was killed, if it was.
    name: how one of them was delivered; path: where one of those found is.
    """

    feed: str
    sha256: str
    became: str
    wanted: int
    certain: int
    found: int
    name: str | None
    path: str | None


class Stored(NamedTuple):
    """A document that must be stored, and the archived files of it and of its follow-ups."""

    feed: str
    sha256: str
    path: Path
    follow_ups: list[Path]


class Book:
    """Read the manifests and note what is found; then ask."""

    def __init__(self) -> None:
        # Used in threads, one after the other.
        self._rows = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._rows.executescript(TABLES)
        self._rows.execute("BEGIN")  # never committed: nothing has to survive
        self._runs = 0

    def read(self, path: Path) -> dict[str, Any] | None:
        """What the last line of a manifest says; None where its run was killed. Raises WrongSettings."""
        self._runs += 1
        certain, end = dict[str, int](), None
        for line in lines_of(path):
            if "name" in line:
                self._want(line)
            elif "received" in line:
                certain[line["received"]] = self._last
            end = line.get("end")
        for feed in self._feeds():
            known = self._runs, feed, certain.get(feed, 0)
            self._rows.execute("UPDATE wanted SET certain = 0 WHERE run = ? AND feed = ? AND id > ?", known)
        return end

    def _want(self, line: dict[str, Any]) -> None:
        expected = line["expected"]
        became = ARCHIVED if expected in (STORED, DUPLICATE) else expected
        told = line["feed"], line["name"], line["sha256"], expected, became
        insert = (
            "INSERT INTO wanted (run, feed, name, sha256, expected, became, fault, follows) VALUES (?,?,?,?,?,?,?,?)"
        )
        done = self._rows.execute(insert, (self._runs, *told, line.get("fault", ""), line.get("follows", "")))
        self._last = done.lastrowid or 0

    def _feeds(self) -> list[str]:
        return [feed for (feed,) in self._rows.execute("SELECT DISTINCT feed FROM wanted")]

    def find(self, files: Iterable[tuple[str, str, str, str]]) -> None:
        """Files as they lie: feed, SHA-256, what became of them (`archived`, `waiting` or a code), and path."""
        self._rows.executemany("INSERT INTO found VALUES (?,?,?,?)", files)

    def index(self) -> None:
        """When all is read and found, so that asking is fast."""
        for statement in INDEXES.strip().split(";")[:-1]:
            self._rows.execute(statement)

    @property
    def wanted(self) -> int:
        """How many files the manifests name."""
        return int(self._rows.execute("SELECT count(*) FROM wanted").fetchone()[0])

    def unequal(self) -> Iterator[Unequal]:
        """Those of one content follow each other."""
        yield from (Unequal(*row) for row in self._rows.execute(UNEQUAL))

    def name_of(self, feed: str, sha256: str) -> str | None:
        """How this content was delivered; None if it was not."""
        found = self._rows.execute(KNOWN, (feed, sha256)).fetchone()
        return found and str(found[0])

    def is_half(self, feed: str, name: str) -> bool:
        """Whether a file of this name was left unfinished by a run that was killed."""
        return self._rows.execute(HALF, (feed, name)).fetchone() is not None

    def documents(self, feeds: Iterable[str]) -> Iterator[Stored]:
        """Those whose files are all there, in the order in which they were received."""
        for feed, sha256, path, follow_ups in self._rows.execute(DOCUMENTS, (json.dumps(list(feeds)),)):
            life = json.loads(follow_ups)
            if path and None not in life:
                yield Stored(feed, sha256, Path(path), [Path(one) for one in life])

    def document_count(self, feeds: Iterable[str]) -> int:
        """How many documents must be stored."""
        return int(self._rows.execute(ORDERS, (json.dumps(list(feeds)),)).fetchone()[0])

    def close(self) -> None:
        """Remove the temporary file."""
        self._rows.close()
