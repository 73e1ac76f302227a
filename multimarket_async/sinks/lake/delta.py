"""Delta tables of a lake. All of it blocks; nothing else knows the library."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from multimarket_async.errors import Unavailable
from multimarket_async.sinks.lake.place import Place
from multimarket_async.sinks.room import DAY

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation as Relation

# Of application transactions, by their identifier: see the protocol of Delta, "Transaction Identifiers".
Versions: TypeAlias = Mapping[str, int]
MAINTAINED_EVERY, KEPT_HOURS = 100, 24  # versions; readers of older ones lose their files
PROPERTIES = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.checkpointInterval": "20",
}
MOST_CHARACTERS = 400
DAMAGED = "If it is damaged, `lake rebuild` writes all tables anew."


class Tables:
    """The tables at a place. Each commit carries versions, so that what was committed is not committed again."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def find(self, name: str, version: int | None = None) -> DeltaTable | None:
        """A table, as it is or was; None if there is none. Raises Unavailable."""
        with _translated(name):
            try:
                return DeltaTable(self._place.table(name), version=version, storage_options=self._place.options)
            except TableNotFoundError:
                return None

    def _found(self, name: str) -> DeltaTable:
        if table := self.find(name):
            return table
        raise Unavailable(f"The table {name} of the lake was removed meanwhile.")

    def replace(self, name: str, rows: "Relation", versions: Versions) -> int:
        """Make these the rows of a table, whatever it was, partitioned by day if they have one; its new version."""
        table = self.find(name) or self._made(name, rows)
        with _translated(name):
            write_deltalake(
                table, rows, mode="overwrite", schema_mode="overwrite", commit_properties=_committed(versions)
            )
        return self._maintained(name)

    def _made(self, name: str, rows: "Relation") -> DeltaTable:
        """An empty table: of two processes that overwrite none, both would add their rows."""
        with _translated(name):
            write_deltalake(
                self._place.table(name),
                rows.limit(0),
                mode="ignore",
                partition_by=[DAY] if DAY in rows.columns else None,
                configuration=PROPERTIES,
                storage_options=self._place.options,
            )
        return self._found(name)

    def merge(self, name: str, rows: "Relation", days: Sequence[str], versions: Versions) -> int:
        """Insert or update by `_id`, or delete where the column `ended` is true; the new version.

        days: of all rows that are changed, before and after; none: the table is not partitioned.
        """
        table = self._found(name)
        listed = ", ".join(f"DATE '{day}'" for day in days)
        among = f" AND t.{DAY} IN ({listed})" if days else ""
        values = {f'"{field.name}"': f's."{field.name}"' for field in table.schema().fields}
        with _translated(name):
            merging = table.merge(rows, f"t._id = s._id{among}", "s", "t", commit_properties=_committed(versions))
            merging = merging.when_matched_delete("s.ended").when_matched_update(values)
            merging.when_not_matched_insert(values, predicate="NOT s.ended").execute()
        return self._maintained(name)

    def note(self, name: str, nothing: "Relation", versions: Versions) -> int:
        """Commit no rows, only versions; the new version."""
        with _translated(name):
            write_deltalake(self._found(name), nothing, mode="append", commit_properties=_committed(versions))
        return self._maintained(name)

    def remove(self, names: Sequence[str]) -> None:
        """Delete these tables, with everything that they ever held."""
        for name in names:
            with _translated(name):
                if not self._place.is_remote:
                    shutil.rmtree(Path(self._place.table(name)), ignore_errors=True)
                elif self.find(name):
                    store = self._place.store(self._place.table(name))
                    for listed in store.list():
                        store.delete([found["path"] for found in listed])

    def _maintained(self, name: str) -> int:
        """The version of a table; small files were put together, and old ones deleted, if it was time."""
        table = self._found(name)
        if (version := table.version()) % MAINTAINED_EVERY == 0 and version:
            with _translated(name):
                table.optimize.compact()
                table.vacuum(KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
                table.create_checkpoint()
                table.cleanup_metadata()
            return int(table.version())
        return int(version)


def selected(table: DeltaTable, query: str) -> Any:
    """The answer to a query over the table `t`, as a stream of Arrow."""
    with _translated(str(table.metadata().name or "t")):
        return QueryBuilder().register("t", table).execute(query)


def _committed(versions: Versions) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(name, version) for name, version in versions.items()])


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Raises Unavailable: what failed is tried again, and a commit of it is found by its versions."""
    try:
        yield
    except CommitFailedError as error:
        raise Unavailable(f"Another process writes the table {name} of the lake: {error}") from error
    except (DeltaError, OSError) as error:
        why = f"The table {name} of the lake cannot be read or written: {_on_one_line(error)}"
        raise Unavailable(f"{why}\n{DAMAGED}") from error


def _on_one_line(error: Exception) -> str:
    """Its causes stand on lines of their own."""
    return " ".join(str(error).split())[:MOST_CHARACTERS]
