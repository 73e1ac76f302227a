"""The columnar copy of the stored documents: facts and their rollups as tables of DuckDB, in a file of this process.

It is derived from MongoDB, and may be deleted: what it lacks is read again. A document has one row, under its key; a
rollup has the rows of each period. Facts are changed in one transaction with the versions of the partitions that
they hold and the list of outdated rollups: after a crash they agree. A changed definition is another table.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from multimarket_async import sql
from multimarket_async.columnar.statements import (
    add,
    digest_of,
    following,
    is_among,
    nothing,
    quoted,
    reading,
    rolled_up,
    selected,
    since,
)
from multimarket_async.domains import Facts, Kpi, LoadedDomain, Rollup, Row, Series, Source, facts_of
from multimarket_async.errors import OperationFailed
from multimarket_async.store import Lines, Partition

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

log = structlog.get_logger()

MEMORY_LIMIT = "256MB"
FRESH = "_fresh"  # end of the name of a temporary table that is being loaded: one in the file is written twice
COPIES = """
CREATE TABLE IF NOT EXISTS copied (facts VARCHAR PRIMARY KEY, identity VARCHAR);
CREATE TABLE IF NOT EXISTS versions (facts VARCHAR, partition VARCHAR, version BIGINT);
CREATE TABLE IF NOT EXISTS outdated (rollup VARCHAR, period VARCHAR);
"""


class Copied(NamedTuple):
    """The documents that a copy holds: of which collection (its identity), and of which version of each partition."""

    identity: str
    versions: dict[Partition, int]


class Comparison(NamedTuple):
    """Drift, by partition or period; and whether nothing differs at all."""

    drift: list[str]
    equal: bool


class Total(NamedTuple):
    """Documents of a facts table, those that are foreign, and the latest event."""

    documents: int
    foreign: int
    latest: Any


class Columnar:
    """Facts and rollups of domains. Blocks: to be called from one thread at a time.

    path: the file; where another process has it open, and without one, a temporary file.
    """

    def __init__(self, domains: Sequence[LoadedDomain], path: Path | None = None) -> None:
        self._domains = domains
        self._schema = {facts.key: domain.name for domain in domains for facts in domain.facts}
        self._rollups = {rollup.key: rollup for domain in domains for rollup in domain.rollups}
        self._series = {series.key: series for domain in domains for series in domain.series}
        self._path = path
        self._folder = Path(tempfile.mkdtemp(prefix="multimarket-kpis-"))
        self._removed = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._opened: Database | None = None

    @property
    def _database(self) -> "Database":
        if self._opened is None:
            opened = self._open()
            self._prepare(opened)
            self._opened = opened
        return self._opened

    def _open(self) -> "Database":
        import duckdb  # noqa: PLC0415 - 13 MB that only a process that measures pays

        temporary = self._folder / "kpis.duckdb"
        try:
            return sql.opened(self._path or temporary, MEMORY_LIMIT)
        except duckdb.Error as error:
            if not self._path or "lock" in str(error):  # another process measures
                return sql.opened(temporary, MEMORY_LIMIT)
            log.warning("columnar.discarded", path=str(self._path), why=" ".join(str(error).split()))
            self._path.unlink()
            return sql.opened(self._path, MEMORY_LIMIT)

    def _prepare(self, database: "Database") -> None:
        """Create what is missing, and drop what is not declared any more."""
        database.execute(COPIES)
        for domain in self._domains:
            database.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(domain.name)}")
            database.execute(f"USE {quoted(domain.name)}")
            sql.define(database, domain.timezone)
        declared = {"zone", *self._schema, *self._rollups, *self._series}
        tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name <> 'main' AND NOT temporary"
        for schema, table in database.execute(tables).fetchall():
            if table not in declared:
                database.execute(f"DROP TABLE {quoted(schema)}.{quoted(table)}")
                database.execute("DELETE FROM main.copied WHERE facts = ?", [table])

    def close(self) -> None:
        """Close the file, and remove the temporary ones."""
        if self._opened:
            self._opened.close()
        self._removed()

    def copied(self, facts: Facts) -> Copied | None:
        """The identity and the versions of what the copy holds; None if these facts were never copied."""
        identity = self._rows("SELECT identity FROM main.copied WHERE facts = ?", facts.key)
        versions = self._rows("SELECT partition, version FROM main.versions WHERE facts = ?", facts.key)
        return Copied(identity[0][0], dict(versions)) if identity else None

    def begin(self, facts: Facts) -> None:
        """Forget what was staged before."""
        self._use(facts)
        self._execute("SET checkpoint_threshold = '1TB'")  # a checkpoint would compress what is staged
        self._execute(f"CREATE OR REPLACE TEMP TABLE {quoted(facts.key + FRESH)} AS {selected(facts, nothing(facts))}")

    def stage(self, facts: Facts, documents: Lines) -> None:
        """Add documents, as `projection` gives them, to the staged ones. Raises OperationFailed."""
        self._use(facts)
        path, insert = self._folder / "documents.json", f"INSERT INTO {quoted(facts.key + FRESH)} BY NAME "
        with self._failing():
            path.write_bytes(documents.json)
            add(self._database, lambda source: insert + selected(facts, source), facts, path)

    def vanished(self, facts: Facts, partitions: Sequence[Partition]) -> list[str]:
        """Keys of the copy in these partitions that were not staged: of documents that have moved or ended.

        Their rows go, unless they are staged too.
        """
        table, fresh = quoted(facts.key), quoted(facts.key + FRESH)
        self._use(facts)
        among = "coalesce(partition, '') IN (SELECT unnest($partitions::VARCHAR[]))"
        held = f"SELECT _id FROM {table} WHERE {among}"
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE keys AS {held}", {"partitions": [name or "" for name in partitions]}
        )
        return [row[0] for row in self._rows(f"SELECT _id FROM keys EXCEPT SELECT _id FROM {fresh}")]

    def apply(self, facts: Facts, versions: Mapping[Partition, int | None]) -> None:
        """Replace the rows of vanished documents, and those under the keys of staged ones, by what is staged.

        versions: of the partitions that were read; None for those that are gone.
        """
        table, fresh = quoted(facts.key), quoted(facts.key + FRESH)
        with self._transaction(facts):
            self._execute(f"INSERT INTO keys SELECT _id FROM {fresh}")
            held = f"FROM {table} WHERE _id IN (SELECT _id FROM keys)"
            self._execute(f"CREATE OR REPLACE TEMP TABLE old AS SELECT rowid AS row {held}")
            self._leave_equal(table, fresh)
            periods = (
                f"SELECT period FROM {table} WHERE rowid IN (SELECT row FROM old) UNION SELECT period FROM {fresh}"
            )
            self._execute(f"CREATE OR REPLACE TEMP TABLE changed AS {periods}")
            self._execute(f"DELETE FROM {table} WHERE rowid IN (SELECT row FROM old)")
            self._execute(f"INSERT INTO {table} BY NAME SELECT * FROM {fresh}")
            self._execute(f"DROP TABLE {fresh}")
            rolled = self._rolled(facts)
            self._execute("INSERT INTO main.outdated SELECT unnest(?::VARCHAR[]), period FROM changed", [rolled])
            self._remember(facts, versions)

    def _leave_equal(self, table: str, fresh: str) -> None:
        """Neither replace a row by an equal one, nor compute the rollups of its period."""
        joined = f"FROM {table} t JOIN {fresh} f ON t._id = f._id WHERE t.rowid IN (SELECT row FROM old)"
        equal = f"SELECT t.rowid AS row, t._id {joined} AND t IS NOT DISTINCT FROM f"
        self._execute(f"CREATE OR REPLACE TEMP TABLE equal AS {equal}")
        self._execute(f"DELETE FROM {fresh} WHERE _id IN (SELECT _id FROM equal)")
        self._execute("DELETE FROM old WHERE row IN (SELECT row FROM equal)")

    def replace(self, facts: Facts, identity: str, versions: Mapping[Partition, int]) -> None:
        """Take the staged documents as all there are."""
        with self._transaction(facts):
            self._execute(f"CREATE OR REPLACE TABLE {quoted(facts.key)} AS SELECT * FROM {quoted(facts.key + FRESH)}")
            self._execute(f"DROP TABLE {quoted(facts.key + FRESH)}")
            for rolled in self._rolled(facts):
                self._execute(f"DROP TABLE IF EXISTS {quoted(rolled)}")
            self._execute("INSERT OR REPLACE INTO main.copied VALUES (?, ?)", [facts.key, identity])
            self._execute("DELETE FROM main.versions WHERE facts = ?", [facts.key])
            self._remember(facts, versions)
        self._execute("CHECKPOINT")

    def roll_up(self, facts: Facts) -> dict[str, str]:
        """Bring the rollups of these facts up to date; the reasons of those that fail, by their key."""
        rollups = self._outdated(facts)
        if not rollups or not self._try(facts, rollups):
            return {}
        tried = {rollup.key: self._try(facts, [rollup]) for rollup in rollups}
        return {key: why for key, why in tried.items() if why}

    def _outdated(self, facts: Facts) -> list[Rollup]:
        """The rollups of these facts that are new, or that have outdated periods."""
        there = {name for (name,) in self._rows("SELECT table_name FROM duckdb_tables()")}
        behind = {name for (name,) in self._rows("SELECT DISTINCT rollup FROM main.outdated")}
        return [rollup for rollup in self._of(facts) if rollup.key not in there - behind]

    def _try(self, facts: Facts, rollups: Sequence[Rollup]) -> str | None:
        """Bring all of these up to date or none; the reason of a failure."""
        try:
            with self._transaction(facts):
                for rollup in rollups:
                    self._recompute(rollup)
                keys = [rollup.key for rollup in rollups]
                self._execute("DELETE FROM main.outdated WHERE rollup IN (SELECT unnest(?::VARCHAR[]))", [keys])
        except OperationFailed as why:
            return str(why)
        return None

    def compare(self, facts: Facts, changed: Sequence[Partition]) -> Comparison:
        """Compare the copy with the staged documents, which are all.

        changed: partitions that may differ, as they changed between the two; and so do their periods. A document of
        another hand, for which nobody raises a version, is counted anew, and no drift.
        """
        self._use(facts)
        table, fresh = quoted(facts.key), quoted(facts.key + FRESH)
        equal = self._rows(f"SELECT {digest_of(table)} = {digest_of(fresh)}") == [(True,)]
        rows = f"""
SELECT coalesce(fresh.partition, held.partition, '') AS place, held.period AS before, fresh.period AS after,
  place IN (SELECT unnest($changed::VARCHAR[])) AS explained
FROM (SELECT _id, partition, period, hash(t) AS content FROM {table} t WHERE NOT "foreign") held
  FULL JOIN (SELECT _id, partition, period, hash(t) AS content FROM {fresh} t WHERE NOT "foreign") fresh USING (_id)
WHERE held.content IS DISTINCT FROM fresh.content AND NOT $equal"""
        found = {"changed": names(changed), "equal": equal}
        self._execute(f"CREATE OR REPLACE TEMP TABLE differing AS {rows}", found)
        places = self._rows("SELECT DISTINCT place FROM differing WHERE NOT explained ORDER BY ALL")
        drift = [f"{facts.name} {place}" for (place,) in places]
        for rollup in self._of(facts):
            with suppress(OperationFailed):  # it fails, and so do its KPIs
                drift += [f"{rollup.name} {period}" for period in self._differing_periods(rollup)]
        return Comparison(drift, equal and not drift)

    def keep(self, facts: Facts, versions: Mapping[Partition, int]) -> None:
        """Forget the staged documents, which are those of the copy."""
        with self._transaction(facts):
            self._execute(f"DROP TABLE {quoted(facts.key + FRESH)}")
            for series in self._following(facts):  # computed from scratch, too
                self._execute(f"DROP TABLE IF EXISTS {quoted(series.key)}")
            self._remember(facts, versions)

    def _differing_periods(self, rollup: Rollup) -> list[str]:
        """Periods whose rows are not those that the staged documents give, though no document of theirs differs."""
        held, fresh = f"SELECT * FROM {quoted(rollup.key)}", rolled_up(rollup, table=rollup.facts.key + FRESH)
        differing = f"(({held}) EXCEPT ({fresh})) UNION (({fresh}) EXCEPT ({held}))"
        explained = "SELECT before FROM differing UNION SELECT after FROM differing"
        periods = f"SELECT DISTINCT period FROM ({differing}) EXCEPT ({explained}) ORDER BY ALL"
        return [period for (period,) in self._rows(periods)]

    def total(self, facts: Facts) -> Total:
        """The number of documents, and the latest event."""
        self._use(facts)
        latest = f"max({quoted(facts.event)})" if facts.event else "NULL"
        counted = f'count(*) FILTER (NOT "foreign"), count(*) FILTER ("foreign"), {latest}'
        [row] = self._rows(f"SELECT {counted} FROM {quoted(facts.key)}")
        return Total(row[0], row[1], sql.plain(row[2]))

    def rows(self, domain: LoadedDomain, kpi: Kpi) -> list[Row]:
        """The rows of a KPI's query. Raises OperationFailed."""
        self.follow(kpi.reads)
        self._execute(f"USE {quoted(domain.name)}")
        with self._failing(f"the query of {kpi.name}"):
            return list(sql.rows(self._database.execute(reading(kpi.reads, kpi.query))))

    def digest(self, domain: LoadedDomain, kpi: Kpi) -> str:
        """A digest of what the rows of a historic KPI follow from. Raises OperationFailed."""
        self.follow(kpi.reads)
        self._execute(f"USE {quoted(domain.name)}")
        return " ".join([kpi.digest, *(self._digest_of(read, read.name == kpi.historic) for read in kpi.reads)])

    def _digest_of(self, read: Source, historic: bool) -> str:
        table = quoted(read.key)
        newest = f"(SELECT max(period) FROM {table})" if historic else "NULL"
        rows = f"(FROM {table} WHERE {f'period < {newest}' if historic else 'true'})"
        return str(self._rows(f"SELECT {newest}, {digest_of(rows)}"))

    def follow(self, reads: Iterable[Source]) -> None:
        """Bring the series among these up to date, from facts and rollups that are. Raises OperationFailed."""
        for series in (read for read in reads if isinstance(read, Series)):
            with self._transaction(facts_of([series])[0]):
                self._continue(series)

    def execute(self, domain: LoadedDomain, statement: str, parameters: Any = None) -> None:
        """Run a statement in the schema of a domain. Raises OperationFailed."""
        self._execute(f"USE {quoted(domain.name)}")
        self._execute(statement, parameters)

    def fetch(self, most: int) -> list[tuple[Any, ...]]:
        """The next rows of the last statement; none at their end. Raises OperationFailed."""
        with self._failing():
            return self._database.fetchmany(most)

    def _of(self, facts: Facts) -> list[Rollup]:
        return [rollup for rollup in self._rollups.values() if rollup.facts.key == facts.key]

    def _rolled(self, facts: Facts) -> list[str]:
        """The keys of the rollups and the series of these facts."""
        return [*(rollup.key for rollup in self._of(facts)), *(series.key for series in self._following(facts))]

    def _following(self, facts: Facts) -> list[Series]:
        return [series for series in self._series.values() if facts.key in {read.key for read in facts_of([series])}]

    def _continue(self, series: Series) -> None:
        """Compute the rows from the first outdated period on; all where the series is new."""
        name = quoted(series.key)
        if not self._has(series.key):
            self._execute(f"CREATE TABLE {name} AS {following(series, '')}")
        elif first := self._rows("SELECT min(period) FROM main.outdated WHERE rollup = ?", series.key)[0][0]:
            [[period]] = self._rows(since(series, first))
            self._execute(f"DELETE FROM {name} WHERE period >= ?", [period])
            self._execute(f"INSERT INTO {name} BY NAME {following(series, period)}")
        self._execute("DELETE FROM main.outdated WHERE rollup = ?", [series.key])

    def _has(self, table: str) -> bool:
        return bool(self._rows("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", table))

    def _recompute(self, rollup: Rollup) -> None:
        """Compute the rows of the outdated periods; of all where the rollup is new."""
        name = quoted(rollup.key)
        if not self._has(rollup.key):
            self._execute(f"CREATE TABLE {name} AS {rolled_up(rollup)}")
            return
        query = "SELECT DISTINCT period FROM main.outdated WHERE rollup = ? AND period IS NOT NULL"
        outdated = self._rows(query, rollup.key)
        among = is_among("period", (period for (period,) in outdated))
        self._execute(f"DELETE FROM {name} WHERE {among}")
        self._execute(f"INSERT INTO {name} BY NAME {rolled_up(rollup, among)}")

    def _remember(self, facts: Facts, versions: Mapping[Partition, int | None]) -> None:
        gone = "DELETE FROM main.versions WHERE facts = ? AND coalesce(partition, '') IN (SELECT unnest(?::VARCHAR[]))"
        self._execute(gone, [facts.key, names(versions)])
        kept = {partition: version for partition, version in versions.items() if version is not None}
        given = "INSERT INTO main.versions SELECT ?, unnest(?::VARCHAR[]), unnest(?::BIGINT[])"
        self._execute(given, [facts.key, list(kept), list(kept.values())])

    @contextmanager
    def _transaction(self, facts: Facts) -> Iterator[None]:
        self._use(facts)
        self._execute("RESET checkpoint_threshold")
        self._execute("BEGIN")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(OperationFailed):  # where the database was closed meanwhile
                self._execute("ROLLBACK")
            raise

    @contextmanager
    def _failing(self, subject: str = "the columnar copy") -> Iterator[None]:
        """Raises OperationFailed. After a fatal error, as of a full disk, DuckDB wants to be opened anew."""
        import duckdb  # noqa: PLC0415

        try:
            with sql.failing(subject):
                yield
        except OperationFailed as why:
            if self._opened and isinstance(why.__cause__, duckdb.FatalException):
                self._opened.close()
                self._opened = None
            raise

    def _use(self, facts: Facts) -> None:
        self._execute(f"USE {quoted(self._schema[facts.key])}")

    def _execute(self, statement: str, parameters: Any = None) -> None:
        with self._failing():
            self._database.execute(statement, parameters)

    def _rows(self, query: str, *positional: Any, **named: Any) -> list[tuple[Any, ...]]:
        with self._failing():
            return self._database.execute(query, named or list(positional)).fetchall()


def names(partitions: Iterable[Partition]) -> list[str]:
    """Their names; "" of those that were stored before there were partitions."""
    return [partition or "" for partition in partitions]
