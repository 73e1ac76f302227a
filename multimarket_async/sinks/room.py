"""Documents of a collection as rows of a table: those that the KPIs of a domain read, without what is personal."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from multimarket_async import sql
from multimarket_async.columnar.statements import add, fields_of, nothing, quoted, selected
from multimarket_async.domains import Facts
from multimarket_async.store import lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

DAY = "event_date"
BATCH_DOCUMENTS = 40_000
MEMORY_LIMIT = "256MB"


@contextmanager
def room(facts: Facts, timezone: str) -> Iterator["Room"]:
    """A room that is removed in the end. Raises OperationFailed where the disk is full, or SQL fails."""
    subject = f"Rows of {facts.collection} cannot be made in {tempfile.gettempdir()}"
    with sql.failing(subject), TemporaryDirectory(prefix="multimarket-rows-") as folder:
        made = Room(facts, timezone, Path(folder))
        try:
            yield made
        finally:
            made.close()


class Room:
    """A temporary database of DuckDB, in which the rows of a table are made. Blocks."""

    def __init__(self, facts: Facts, timezone: str, folder: Path) -> None:
        self._facts = facts
        self._timezone = timezone
        self._folder = folder

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "_database" in vars(self):
            self._database.close()

    @cached_property
    def _database(self) -> "Database":
        database = sql.opened(self._folder / "room.duckdb", MEMORY_LIMIT)
        database.execute("SET TimeZone = 'UTC'")
        sql.define(database, self._timezone)
        database.execute(f"CREATE TABLE fresh AS {self._rows(nothing(self._facts))}")
        return database

    def _rows(self, source: str) -> str:
        """Rows of the table: times in UTC, and the day of the event in the business time zone."""
        instants = {name for name, value in self._facts.fields.items() if value.type == "TIMESTAMP"}
        columns = [
            f"make_timestamptz(epoch_us({quoted(name)})) AS {quoted(name)}" if name in instants else quoted(name)
            for name in self._facts.fields
        ]
        day = [f"CAST(local AS DATE) AS {DAY}"] if self._facts.event else []
        chosen = ", ".join(["_id", "partition", *columns, *day])
        return f'SELECT {chosen} FROM ({selected(self._facts, source)}) WHERE NOT "foreign"'

    def add(self, batch: bytes) -> None:
        """Add documents. Raises OperationFailed."""
        path = self._folder / "documents.json"
        path.write_bytes(lines(batch, fields_of(self._facts)).json)
        add(self._database, lambda source: f"INSERT INTO fresh BY NAME {self._rows(source)}", self._facts, path)

    def all(self) -> Any:
        """All rows, by day."""
        return self._database.sql(f"FROM fresh ORDER BY {DAY}" if self._facts.event else "FROM fresh")

    def partitions(self) -> list[str | None]:
        """The partitions of its rows."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT partition FROM fresh").fetchall()]

    def rows(self, partition: str | None) -> list[tuple[Any, ...]]:
        """The rows of a partition: it, the key, the fields, and the day; instants in UTC, without their zone."""
        instants = [name for name, value in self._facts.fields.items() if value.type == "TIMESTAMP"]
        plain = ", ".join(f"date_trunc('milliseconds', {name}::TIMESTAMP) AS {name}" for name in map(quoted, instants))
        columns = f"* REPLACE ({plain})" if plain else "*"
        ordered = f"SELECT partition, _id, * EXCLUDE (partition, _id) FROM (SELECT {columns} FROM fresh)"
        query = f"{ordered} WHERE partition IS NOT DISTINCT FROM ?"
        return self._database.execute(query, [partition]).fetchall()

    def none(self) -> Any:
        """No row, of the same types."""
        return self._database.sql("FROM fresh LIMIT 0")

    def compare(self, held: Any) -> list[str]:
        """Take the rows that the lake has; the keys of those that were not added."""
        self._take(held)
        missing = self._database.execute("SELECT _id FROM held EXCEPT SELECT _id FROM fresh")
        return [key for (key,) in missing.fetchall()]

    def changes(self) -> tuple[Any, list[str]]:
        """The rows to merge, None if there are none, and the days of all rows that they change."""
        self._database.execute("""
CREATE TABLE changes AS SELECT *, false AS ended FROM (SELECT DISTINCT * FROM fresh EXCEPT FROM held)
UNION ALL BY NAME SELECT *, true AS ended FROM held WHERE _id NOT IN (SELECT _id FROM fresh)""")
        if not self._database.execute("SELECT count(*) FROM changes").fetchall()[0][0]:
            return None, []
        return self._database.sql("FROM changes"), self._days()

    def _days(self) -> list[str]:
        if not self._facts.event:
            return []
        days = f"SELECT {DAY} FROM changes UNION SELECT {DAY} FROM held WHERE _id IN (SELECT _id FROM changes)"
        return [str(day) for (day,) in self._database.execute(days).fetchall()]

    def differing(self, held: Any, partitions: Sequence[str], most: int = 20) -> list[str]:
        """A sentence for each row of these partitions that only one side has, or has oftener."""
        self._take(held)
        fresh = "(SELECT DISTINCT * FROM fresh)"  # a document that moved meanwhile was added twice
        sides = {"the lake lacks": (fresh, "held"), "the lake has, and MongoDB has not,": ("held", fresh)}
        found: list[str] = []
        for words, (side, other) in sides.items():
            among = "coalesce(partition, '') IN (SELECT unnest($1::VARCHAR[]))"
            query = f"SELECT _id FROM (FROM {side} EXCEPT ALL FROM {other}) WHERE {among} ORDER BY _id LIMIT {most}"
            rows = self._database.execute(query, [list(partitions)]).fetchall()
            found += [f"{self._facts.collection}: {words} {key} like this" for (key,) in rows]
        return found

    def _take(self, held: Any) -> None:
        columns = ", ".join(quoted(name) for name in self.none().columns)
        self._database.register("arrived", held)
        self._database.execute(f"CREATE TABLE held AS SELECT {columns} FROM arrived")
        self._database.unregister("arrived")
