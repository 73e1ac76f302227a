"""Checker: compares every file, document and KPI with the manifests of the runs that delivered the files.

Manifests and files are joined in a temporary SQLite file, so memory stays at a few MB whatever their number.
"""

import asyncio
import hashlib
import json
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from multimarket_async.app import Application
from multimarket_async.domains import Document, LoadedDomain, Row, Stage, Table
from multimarket_async.errors import WrongSettings
from multimarket_async.generations import errors
from multimarket_async.generations import rows as published_rows
from multimarket_async.landing import Landing
from multimarket_async.proving.comparison import Comparison
from multimarket_async.proving.manifest import read
from multimarket_async.readers.audit import Audit
from multimarket_async.readers.verify import different_rows
from multimarket_async.records import file_version
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED
from multimarket_async.store import PLACEHOLDER_PARTITION, RECEIPTS

CHUNK = 500
WAITING, ARCHIVED, ANYWHERE = "waiting", "archived", ""
# expected: the place of the file: archived, or the code of its quarantine; also: other codes that are right as well.
# received: 0 if its run was killed before it marked the file as received. known: 1 if only its name is of interest, as
# it is of another run than those compared. document: whether it becomes a new one.
# records: their number in the file; receipts: the same as the collector counted them.
TABLES = """
CREATE TABLE delivered (id INTEGER PRIMARY KEY, run INT, feed TEXT, name TEXT, sha256 TEXT, fault TEXT,
    expected TEXT, also TEXT, document INT, records INT, received INT DEFAULT 1, known INT DEFAULT 0);
CREATE TABLE receipts (feed TEXT, sha256 TEXT, records INT);
CREATE TABLE found (feed TEXT, sha256 TEXT, place TEXT, path TEXT);
"""
INDEXES = """
CREATE INDEX not_received ON delivered (feed, name) WHERE NOT received;
CREATE INDEX contents ON delivered (feed, sha256);
"""
INSERT = """
INSERT INTO delivered (run, feed, name, sha256, fault, expected, also, document, records) VALUES (?,?,?,?,?,?,?,?,?)
"""
# Files by content and place: how many must be there, may be there, and are there. The place ANYWHERE counts all.
COMPARED = """
SELECT feed, sha256, place, sum(must) AS must, sum(may) AS may, sum(known) AS known, sum(received) AS received,
        sum(found) AS found, max(path) AS path FROM (
    SELECT feed, sha256, expected AS place, received AND NOT known AND also = '[]' AS must, 1 AS may, known, received,
        0 AS found, NULL AS path FROM delivered
    UNION ALL SELECT feed, sha256, value, 0, 1, known, 0, 0, NULL FROM delivered, json_each(also)
    UNION ALL SELECT feed, sha256, '', received AND NOT known, 1, known, received, 0, NULL FROM delivered
    UNION ALL SELECT feed, sha256, place, 0, 0, 0, 0, 1, path FROM found
    UNION ALL SELECT feed, sha256, '', 0, 0, 0, 0, 1, path FROM found)
GROUP BY feed, sha256, place
HAVING sum(found) NOT BETWEEN sum(must) AND sum(may) OR place = '' AND sum(found) < sum(may)
ORDER BY feed, sha256, place
"""
EXPECTED = "SELECT name, expected, also FROM delivered WHERE (feed, sha256) = (?, ?) LIMIT 1"
HALF = "SELECT 1 FROM delivered WHERE (feed, name) = (?, ?) AND fault = 'torn' AND NOT received"
NAMED = "SELECT 1 FROM delivered WHERE (feed, sha256) = (?, ?)"
ARCHIVED_FILES = """
SELECT feed, min(path) FROM found WHERE place = 'archived' AND feed IN (SELECT value FROM json_each(?))
    AND (feed, sha256) IN (SELECT feed, sha256 FROM delivered WHERE expected = 'archived')
GROUP BY feed, sha256
"""
VERSIONS = """
SELECT feed, path, sha256 FROM found WHERE place = 'archived' AND feed IN (SELECT value FROM json_each(?))
"""
RECORDS = """
SELECT DISTINCT feed, name, delivered.records AS delivered, receipts.records AS stored
FROM delivered JOIN receipts USING (feed, sha256) WHERE feed IN (SELECT value FROM json_each(?))
"""
DOCUMENTS = "SELECT count(*) FROM delivered WHERE document AND feed IN (SELECT value FROM json_each(?))"


class Checker:
    """One comparison of a data folder and a store with manifests. Its steps run in threads, one after the other."""

    def __init__(self, application: Application, comparison: Comparison) -> None:
        self._application = application
        self._comparison = comparison
        self._rows = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._rows.row_factory = sqlite3.Row
        self._rows.executescript(TABLES)
        self._rows.execute("BEGIN")  # faster; nothing has to survive
        self._kpis: dict[str, list[Row]] | None = None
        self._computed = {feed for domain in application.domains for job in domain.jobs for feed in job.feeds}
        self._unpacked = tempfile.TemporaryDirectory()
        self._room = Path(self._unpacked.name)
        self._incomplete = False  # files of known runs are not there any more

    def read_manifests(self) -> None:
        """Load them, and those of other runs that are known. The KPIs of one run say nothing about those of several."""
        ends = [self._read(run, path) for run, path in enumerate(self._comparison.manifests)]
        others = [self._read_known(run, path) for run, path in enumerate(self._comparison.known, start=len(ends))]
        pairs = zip(self._comparison.manifests, ends, strict=True)
        self._comparison.killed = [path for path, end in pairs if end is None]
        [self._comparison.files] = self._rows.execute("SELECT count(*) FROM delivered WHERE NOT known").fetchone()
        self._kpis = (ends[0] or {}).get("kpis") or None if len(ends) == 1 and not any(others) else None

    def _read_known(self, run: int, path: Path) -> int:
        """The number of files that it names. They may be where it says; a manifest that cannot be read names none."""
        with suppress(WrongSettings):
            self._read(run, path)
        return self._rows.execute("UPDATE delivered SET known = 1 WHERE run = ?", (run,)).rowcount

    def _read(self, run: int, path: Path) -> dict[str, Any] | None:
        end, last, received = None, 0, dict[str, int]()
        for line in read(path):
            if "name" in line:
                last = self._rows.execute(INSERT, (run, *_columns(line))).lastrowid or 0
            elif "received" in line:
                received[line["received"]] = last
            end = line.get("end")
        if end is None:
            self._rows.execute("UPDATE delivered SET received = 0 WHERE run = ?", (run,))
            known = [(run, feed, number) for feed, number in received.items()]
            self._rows.executemany("UPDATE delivered SET received = 1 WHERE (run, feed) = (?, ?) AND id <= ?", known)
        return end

    def find_files(self, checked: Callable[[], None]) -> None:
        """Read every file of every feed."""
        for _, landing in self._application.feeds:
            for file in _files(landing, self._room):
                self._rows.execute("INSERT INTO found VALUES (?,?,?,?)", file)
                checked()
        self._rows.executescript(INDEXES)

    def check_files(self) -> None:
        """Every file is in its place, with the bytes that were delivered."""
        rows = self._rows.execute(COMPARED)
        for (feed, sha256), counts in groupby(rows, key=lambda row: (row["feed"], row["sha256"])):
            self._check_content(feed, sha256, {row["place"]: row for row in counts})

    def _check_content(self, feed: str, sha256: str, counts: dict[str, sqlite3.Row]) -> None:
        """Other runs may have delivered the same content: more files than named are no difference."""
        total = counts.pop(ANYWHERE, None)
        missing = {place: row["must"] - row["found"] for place, row in counts.items() if row["found"] < row["must"]}
        extra = {place: row["found"] - row["may"] for place, row in counts.items() if row["found"] > row["may"]}
        self._incomplete |= bool(total and total["known"] and total["found"] < total["received"])
        if total and not counts and total["found"] >= total["must"]:
            self._comparison.undelivered += max(0, total["may"] - total["known"] - total["found"])
            self._unnamed(total)
        elif total and total["found"] > total["may"] and not missing:
            for row in counts.values():
                self._unnamed(row)
        else:
            name, expected, also = self._rows.execute(EXPECTED, (feed, sha256)).fetchone()
            required = " and ".join(_places(missing)) or " or ".join(map(_place, (expected, *json.loads(also))))
            found = " and ".join(_places(extra)) or "nowhere"
            self._comparison.add(f"{feed}: {name} must be {required}, and is {found}")

    def _unnamed(self, row: sqlite3.Row) -> None:
        """Count files that no manifest names, but for those of jobs: they are computed here, and not delivered."""
        if row["feed"] in self._computed:
            return
        path = Path(row["path"] or "")
        if row["found"] > row["may"] and not self._rows.execute(HALF, (row["feed"], path.name)).fetchone():
            self._comparison.unnamed[row["feed"]] += row["found"] - row["may"]
            self._comparison.example = self._comparison.example or str(path)

    async def check_documents(self, domain: LoadedDomain) -> dict[str, list[Row]]:
        """Every document is stored as its files require. Gives the expected rows of the domain's KPIs."""
        await self._check_records(domain)
        with closing(Audit(domain)) as audit:
            await asyncio.to_thread(self._fill, audit, domain)
            tables = {feed.table.name: feed.table for feed in domain.feeds if not feed.has_receipts}
            compared = await self._compare_documents(audit, tables)
            self._comparison.documents += compared
            [named] = self._rows.execute(DOCUMENTS, (_names(domain),)).fetchone()
            with_receipts = [feed.name for feed in domain.feeds if feed.has_receipts]
            own: Stage = {
                "ingestion.feed": {"$nin": with_receipts},
                "ingestion.partition": {"$ne": PLACEHOLDER_PARTITION},
            }
            stages: list[Stage] = [{"$match": own}, {"$count": "documents"}]
            for name in tables:
                total = sum([row["documents"] async for row in self._application.store.aggregate(name, stages)])
                if (others := total - max(named, compared)) > 0:
                    self._comparison.unnamed[name] += others
            if self._kpis is None or not {kpi.name for kpi in domain.kpis} <= self._kpis.keys():
                return await asyncio.to_thread(audit.rows)
            return {kpi.name: self._kpis[kpi.name] for kpi in domain.kpis}

    async def _check_records(self, domain: LoadedDomain) -> None:
        """The receipt of each file says as many records as were delivered in it."""
        feeds = [feed.name for feed in domain.feeds if feed.has_receipts]
        stages: list[Stage] = [{"$match": {"feed": {"$in": feeds}}}]
        async for receipt in self._application.store.aggregate(RECEIPTS, stages):
            row = receipt["feed"], receipt["sha256"], receipt["records"]
            self._rows.execute("INSERT INTO receipts VALUES (?,?,?)", row)
        for feed, name, delivered, stored in self._rows.execute(RECORDS, (json.dumps(feeds),)).fetchall():
            self._comparison.documents += stored
            if delivered not in (None, stored):
                self._comparison.add(f"{feed}: {name} has {delivered} records; its receipt says {stored}")

    async def _compare_documents(self, audit: Audit, tables: Mapping[str, Table]) -> int:
        """The number of documents that were compared."""
        without_sources: dict[str, list[Stage]] = {
            name: [{"$unset": f"{table.lifecycle.history}.ingestion"}] if table.lifecycle else []
            for name, table in tables.items()
        }
        documents, compared = audit.documents() if tables else iter(()), 0
        while chunk := await asyncio.to_thread(lambda: dict(islice(documents, CHUNK))):
            compared += len(chunk)
            match: Stage = {"$match": {"_id": {"$in": list(chunk)}}}
            stored = {
                document["_id"]: document
                for collection, unset in without_sources.items()
                async for document in self._application.store.aggregate(collection, [match, *unset])
            }
            for key, document in chunk.items():
                for difference in self._different(document, stored.get(key)):
                    self._comparison.add(f"{key} {difference}")
        return compared

    def _fill(self, audit: Audit, domain: LoadedDomain) -> None:
        single = json.dumps([feed.name for feed in domain.feeds if not feed.has_receipts])
        for feed, path in self._rows.execute(ARCHIVED_FILES, (single,)):
            audit.add(feed, Path(path).name, Path(path).read_bytes())
        several = json.dumps([feed.name for feed in domain.feeds if feed.has_receipts])
        for feed, path, sha256 in self._rows.execute(VERSIONS, (several,)):
            audit.add_path(feed, Path(path), file_version(Path(path).stat().st_mtime_ns, sha256))

    def _different(self, expected: Document, stored: Document | None) -> Iterator[str]:
        if stored is None:
            yield "must be stored, and is not"
            return
        source = stored.get("ingestion", {})
        if not self._rows.execute(NAMED, (source.get("feed"), source.get("sha256"))).fetchone():
            yield f"has ingestion {source!r}, a file that no manifest names"
        for name in sorted((expected.keys() | stored.keys()) - {"ingestion"}):
            if expected.get(name) != stored.get(name):
                yield f"has {name} {stored.get(name)!r} instead of {expected.get(name)!r}"

    async def check_kpis(self, rows: dict[str, list[Row]], generation: dict[str, Any]) -> None:
        """Every column of every row, if the generation covers nothing but the named files.

        If no single manifest gives the rows, only when all files are there from which they were computed.
        """
        if self._comparison.unnamed or (self._kpis is None and (self._comparison.wrong or self._incomplete)):
            return
        declared = {kpi.name: kpi for domain in self._application.domains for kpi in domain.kpis}
        for name, expected in rows.items():
            self._comparison.kpis.append(name)
            if why := errors(generation).get(name):
                self._comparison.add(f"{name}: {why}")
                continue
            published = _as_json(await published_rows(self._application.store, declared[name], generation))
            for difference in different_rows(name, _as_json(expected), published, "the manifest says"):
                self._comparison.add(difference)

    def close(self) -> None:
        """Remove the temporary files."""
        self._rows.close()
        self._unpacked.cleanup()


async def check(
    application: Application,
    manifests: Sequence[Path],
    generation: dict[str, Any],
    *,
    known: Sequence[Path] = (),
    checked: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compare everything with these manifests; `checked()` is called after every file. Raises WrongSettings.

    known: manifests of other runs, whose files may be there, too.
    """
    comparison = Comparison(generation["_id"], list(manifests), list(known))
    with closing(Checker(application, comparison)) as checker:
        await asyncio.to_thread(checker.read_manifests)
        await asyncio.to_thread(checker.find_files, checked)
        await asyncio.to_thread(checker.check_files)
        rows = [await checker.check_documents(domain) for domain in application.domains]
        await checker.check_kpis({name: kpi for by_name in rows for name, kpi in by_name.items()}, generation)
    return comparison


def _columns(line: dict[str, Any]) -> tuple[Any, ...]:
    outcomes = (line["expected"], *line.get("also", ()))
    places = dict.fromkeys(ARCHIVED if outcome in (STORED, DUPLICATE, SUPERSEDED) else outcome for outcome in outcomes)
    expected, *also = sorted(places, key=lambda place: place != ARCHIVED)
    document = line["expected"] == STORED and not also and not line.get("follows")
    named = line["feed"], line["name"], line["sha256"], line.get("fault", "")
    return *named, expected, json.dumps(also), document, line.get("records")


def _files(landing: Landing, room: Path) -> Iterator[tuple[str, str, str, str]]:
    """Every file of a feed: feed, digest, place, path. Waiting files come first, so that none is missed on its way."""
    for path in landing.waiting_files():
        yield landing.feed, content_digest(path), WAITING, str(path)
    for path in landing.archive_files(room):
        yield landing.feed, content_digest(path), ARCHIVED, str(path)
    for file in landing.quarantine.each():
        yield from [(landing.feed, content_digest(file.path), file.reason["code"], str(file.path))] * file.deliveries
    for reason in landing.quarantine.replayed():
        yield landing.feed, str(reason.get("sha256")), reason["code"], str(reason.get("file"))


def content_digest(path: Path) -> str:
    """The SHA-256 of a file, or of the words "link to <target>" or "pipe" for one that is none; "" if it is gone."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            content = path.read_bytes()
        else:
            content = f"link to {path.readlink()}".encode() if stat.S_ISLNK(mode) else b"pipe"
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()


def _place(place: str) -> str:
    return place if place in (ARCHIVED, WAITING) else f"in quarantine as {place}"


def _places(counts: dict[str, int]) -> Iterator[str]:
    for place, files in counts.items():
        yield f"{_place(place)} {files} times" if files > 1 else _place(place)


def _names(domain: LoadedDomain) -> str:
    return json.dumps([feed.name for feed in domain.feeds])


def _as_json(rows: Sequence[Row]) -> list[Row]:
    parsed: list[Row] = json.loads(to_json(rows))
    return parsed
