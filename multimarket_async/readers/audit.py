"""Recomputes the documents and the KPIs of a domain from the bytes of its files, in SQL (DuckDB)."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from multimarket_async import sql
from multimarket_async.domains import Document, IncomingFile, Kpi, LoadedDomain, Received, Row
from multimarket_async.errors import Rejected

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "512MB"
BATCH_FILES, BATCH_BYTES = 1000, 8_000_000
JSON_SUFFIXES = (".json", ".ndjson", ".jsonl")  # of feeds that take both, and CSV
# Dates are ISO 8601. A price is the shortest decimal of its double, taken apart into digits and a scale, so that a line
# is rounded half-up once and exactly, however large or small; 10^37 is beyond twice any digits times any quantity.
INSERT = """
INSERT INTO received SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])
"""
# Of a domain that does not declare its received files as tables.
UNDECLARED = Received("CREATE TABLE records (feed VARCHAR, record VARCHAR)")
# Of feeds with receipts: where each file is, and its version.
FILES = "CREATE TABLE files (feed VARCHAR, path VARCHAR, version VARCHAR)"
INSERT_FILES = "INSERT INTO files SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])"
LINES = """
CREATE VIEW "{feed}" AS SELECT json, version FROM read_json('{path}', format='newline_delimited',
  columns={{'version': 'VARCHAR', 'json': 'JSON'}}, maximum_object_size=67108864)
"""
MACROS = r"""
CREATE TABLE received (number BIGINT, feed VARCHAR, name VARCHAR, content VARCHAR);
CREATE MACRO wall(date) AS
  (left(date, 10) || ' ' || left(regexp_extract(replace(date, ',', '.'), '^.{11}([0-9:.]+)', 1), 12))::TIMESTAMP;
CREATE MACRO written_shift(date) AS CASE WHEN right(date, 1) = 'Z' THEN INTERVAL 0 MINUTE ELSE
  to_minutes(try_cast(regexp_replace(date, '^.{16,}([+-])(\d\d):?(\d\d)?$', '\1\2') AS INT) * 60
    + coalesce(try_cast(regexp_replace(date, '^.{16,}([+-])\d\d:?(\d\d)$', '\1\2') AS INT), 0)) END;
CREATE MACRO power_of_10(n) AS ('1' || repeat('0', n::BIGINT))::HUGEINT;
CREATE MACRO scaled(n, scale) AS CASE
  WHEN scale > 37 THEN 0 WHEN scale > 0 THEN half_up(n, power_of_10(scale)) ELSE n * power_of_10(-scale) END;
CREATE MACRO decimals(price) AS
  length(split_part(split_part(price, 'e', 1), '.', 2)) - coalesce(try_cast(split_part(price, 'e', 2) AS INT), 0);
CREATE MACRO cents(quantity, price) AS
  scaled(quantity * replace(split_part(price::DOUBLE::VARCHAR, 'e', 1), '.', '')::HUGEINT,
    decimals(price::DOUBLE::VARCHAR) - 2);
"""


class Audit:
    """Takes every accepted file, in any order; duplicates change nothing, and the first content of a key counts.

    All files must be added before the first result is asked for. Threads may use it in turn.
    """

    def __init__(self, domain: LoadedDomain) -> None:
        self._kpis, self._timezone = domain.kpis, domain.timezone
        self._received = domain.received or UNDECLARED
        self._opened = ExitStack()
        self._batch: list[tuple[int, str, str, str]] = []
        self._batch_bytes = self._files = 0
        self._loaded = False
        self._feeds = len(domain.feeds)
        self._with_receipts = [feed.name for feed in domain.feeds if feed.has_receipts]
        self._paths: list[tuple[str, str, str]] = []
        self._lines: dict[str, BinaryIO] = {}

    @cached_property
    def _database(self) -> "duckdb.DuckDBPyConnection":
        database = self._opened.enter_context(sql.opened(self.folder / "audit", MEMORY_LIMIT))
        sql.define(database, self._timezone)
        database.execute(MACROS)
        database.execute(FILES)
        return database

    @cached_property
    def folder(self) -> Path:
        """A temporary folder, removed by `close`."""
        return Path(self._opened.enter_context(tempfile.TemporaryDirectory()))

    def add_path(self, feed: str, path: Path, version: str) -> None:
        """Take an accepted file of a feed with receipts, where it is."""
        if lines := self._received.lines.get(feed):
            self._append(feed, version, lines(IncomingFile.at(feed, path)))
            return
        if utf8 := self._received.utf8.get(feed):
            path = self._copied(utf8(IncomingFile.at(feed, path)))
        self._paths.append((feed, str(path), version))

    def _append(self, feed: str, version: str, lines: Iterable[bytes]) -> None:
        """Put the records of a file behind those of the others: to open thousands of small files takes minutes."""
        start = b'{"version":"%b","json":' % version.encode()
        with suppress(Rejected):
            self._lines_of(feed).writelines(start + line.removesuffix(b"\n") + b"}\n" for line in lines)

    def _lines_of(self, feed: str) -> BinaryIO:
        if feed not in self._lines:
            self._lines[feed] = self._opened.enter_context((self.folder / f"{feed}.ndjson").open("wb"))
        return self._lines[feed]

    def _copied(self, content: Iterable[bytes]) -> Path:
        """A file with this content; an empty one where it cannot be read, which is a difference already."""
        path = self.folder / f"{len(self._paths)}.utf8"
        with path.open("wb") as copy, suppress(Rejected):
            copy.writelines(content)
        return path

    def add(self, feed: str, name: str, content: bytes) -> None:
        """Take the accepted file `name` of a feed; of one with receipts it is the newest."""
        if feed in self._with_receipts:
            path = self.folder / f"{len(self._paths)}-{Path(name).name}"
            path.write_bytes(content)
            self.add_path(feed, path, f"{len(self._paths):016x}")
            return
        self._batch.append((self._files, feed, name, content.decode("utf-8-sig")))
        self._files += 1
        self._batch_bytes += len(content)
        if len(self._batch) >= BATCH_FILES or self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._database.execute(INSERT, [list(column) for column in zip(*self._batch, strict=True)])
        self._batch, self._batch_bytes = [], 0

    def rows(self) -> dict[str, list[Row]]:
        """The rows of each KPI that declares a check, by its name, as they must be published."""
        return {kpi.name: self.rows_of(kpi) for kpi in self._kpis if kpi.check}

    def rows_of(self, kpi: Kpi) -> list[Row]:
        """The rows of a KPI by its check. Raises OperationFailed."""
        return list(self._query(kpi.check))

    def documents(self) -> Iterator[tuple[str, Document]]:
        """The key and the document that must be stored, without `ingestion`, in the order of the keys."""
        for row in self._query(self._received.documents):
            fields = {name: value for name, value in row.items() if value is not None and name != "file"}
            document = {**json.loads(row["file"]), **fields}
            yield document["_id"], document

    def records(self) -> dict[str, int]:
        """The number of distinct documents and follow-ups of each feed without receipts."""
        if len(self._with_receipts) == self._feeds:
            return {}
        counts = self._query("SELECT feed, count(DISTINCT record) AS records FROM records GROUP BY feed")
        return {row["feed"]: row["records"] for row in counts}

    def load(self) -> None:
        """Create the domain's tables from the received files. Raises OperationFailed."""
        with sql.failing("its SQL fails on the archived files"):
            self._flush()
            self._load_files()
            self._database.execute(self._received.tables)
        self._loaded = True

    def _query(self, select: str) -> Iterator[Row]:
        """The rows of a query over the domain's tables, which the first one creates."""
        if not self._loaded:
            self.load()
        with sql.failing("its SQL fails on the archived files"):
            yield from sql.rows(self._database.cursor().execute(select))

    def _load_files(self) -> None:
        """A variable and a table for each feed with receipts; see `Received`."""
        if self._paths:
            self._database.execute(INSERT_FILES, [list(column) for column in zip(*self._paths, strict=True)])
        for feed in self._received.lines:
            self._lines_of(feed).flush()
            self._database.execute(LINES.format(feed=feed, path=self._lines_of(feed).name))
        for feed in self._with_receipts:
            paths = [path for name, path, _ in self._paths if name == feed]
            self._set(feed, paths or [self._empty()])
            if columns := self._received.csv.get(feed):
                objects = [path for path in paths if path.lower().removesuffix(".gz").endswith(JSON_SUFFIXES)]
                rows = [path for path in paths if path not in objects]
                self._set(feed, rows)
                self._database.execute(_csv_table(feed, columns, self._received.delimiters.get(feed, ","), bool(rows)))
                self._set(feed, objects or [self._empty()])
        self._set("no_file", [self._empty()])

    def _set(self, variable: str, paths: Sequence[str]) -> None:
        self._database.execute(f'SET VARIABLE "{variable}" = ?::VARCHAR[]', [paths])

    def _empty(self) -> str:
        path = self.folder / "empty"
        path.touch()
        return str(path)

    def close(self) -> None:
        """Remove the temporary files."""
        self._opened.close()


def _csv_table(feed: str, columns: Sequence[str], delimiter: str, has_files: bool) -> str:
    """A statement for the rows of a feed's CSV files, as text, each with its row number and the version of its file."""
    if not has_files:
        names = ", ".join(f'"{name}" VARCHAR' for name in columns)
        return f'CREATE TABLE "{feed}" ({names}, version VARCHAR, "row" BIGINT)'
    names = ", ".join(f'rows."{name}"' for name in columns)
    options = f"delim='{delimiter}', header=true, all_varchar=true, union_by_name=true, filename=true, quote='\"'"
    return f"""
CREATE TABLE "{feed}" AS SELECT {names}, version, row_number() OVER () AS "row"
FROM read_csv(getvariable('{feed}'), {options}, null_padding=true, strict_mode=false) rows JOIN files ON path = filename
"""  # noqa: S608 - names that a domain declares
