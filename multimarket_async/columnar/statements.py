"""The SQL of the columnar copy, of what domains declare: documents as facts, facts as rollups."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic_core

from multimarket_async.domains import Facts, Rollup, Series, Source
from multimarket_async.store import PLACEHOLDER_PARTITION, Field

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

# Columns of facts besides those that are declared. foreign: MultiMarket did not store the document, or not like this.
OWN = {"_id": "VARCHAR", "partition": "VARCHAR", "ours": "BOOLEAN"}
INCOMING = "incoming"


def fields_of(facts: Facts) -> list[Field]:
    """The fields of documents as `stage` takes them."""
    ours = Field("ours", "ingestion.ingested_at", is_instant=True)
    own = [Field("_id", "_id"), Field("partition", "ingestion.partition"), ours]
    return own + [Field(name, at.path) for name, at in facts.fields.items()]


def selected(facts: Facts, source: str) -> str:
    """The rows of facts from documents: with their columns if they are ours, else only with their key."""
    event = quoted(facts.event)
    joined = f"documents ASOF LEFT JOIN zone ON {event} >= utc_from" if facts.event else "documents"
    local = f"{event} + shift AS local," if facts.event else ""
    wrong = " OR ".join(["ours IS NOT TRUE", "_id IS NULL", *map(_lacks, *zip(*_required(facts), strict=True))])
    fields = "".join(f"{quoted(name)}, " for name in facts.fields)
    columns = "".join(f"{expression} AS {quoted(name)}, " for name, expression in facts.columns.items())
    return f"""
WITH documents AS (
  SELECT *, ({wrong}) AS "foreign" FROM ({source}) WHERE partition IS DISTINCT FROM '{PLACEHOLDER_PARTITION}')
SELECT _id, partition, "foreign", {fields} {local} {columns} {facts.period} AS period FROM {joined} WHERE NOT "foreign"
UNION ALL BY NAME SELECT _id, partition, "foreign" FROM documents WHERE "foreign"
"""


def _required(facts: Facts) -> list[tuple[str, str]]:
    return [(name, at.type) for name, at in facts.fields.items() if not at.nullable] or [("_id", "VARCHAR")]


def _lacks(name: str, type_: str) -> str:
    missing = f"{quoted(name)} IS NULL"
    if not type_.endswith("[]"):
        return missing
    return f"{missing} OR len({quoted(name)}) <> list_aggregate({quoted(name)}, 'count')"


def _types(facts: Facts) -> dict[str, str]:
    return {**OWN, **{name: at.type for name, at in facts.fields.items()}}


def nothing(facts: Facts) -> str:
    """No documents, with the types of documents."""
    columns = ", ".join(f"NULL::{type_} AS {quoted(name)}" for name, type_ in _types(facts).items())
    return f"SELECT {columns} LIMIT 0"


def read(facts: Facts) -> str:
    """The documents in the file $path, as JSON, one a line. It fails where one has another type."""
    columns = ", ".join(f"{quoted(name)}: '{type_}'" for name, type_ in _types(facts).items())
    return f"SELECT * FROM read_json($path, format='newline_delimited', columns={{{columns}}})"


def read_leniently(facts: Facts) -> str:
    """The same; a value of another type is null."""
    structure = pydantic_core.to_json(
        {name: [type_[:-2]] if type_.endswith("[]") else type_ for name, type_ in _types(facts).items()}
    ).decode()
    read = f"from_json(json, '{structure}')"
    return f"SELECT unnest({read}, max_depth := 2) FROM read_json_objects($path, format='newline_delimited')"


def add(database: "Database", insert: Callable[[str], str], facts: Facts, file: Path) -> None:
    """Insert the documents in a file. insert: of a query for documents, the statement. Raises duckdb.Error.

    They are read into a table first: DuckDB takes five times as long to read JSON inside the join with the offsets of a
    time zone whose clocks change.
    """
    import duckdb  # noqa: PLC0415 - 13 MB that only a process that measures pays

    into, path = f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS ", {"path": str(file)}
    try:
        database.execute(into + read(facts), path)
    except duckdb.Error:  # a document has another type somewhere: values that do not fit become null
        database.execute(into + read_leniently(facts), path)
    database.execute(insert(f"SELECT * FROM {INCOMING}"))
    database.execute(f"DROP TABLE {INCOMING}")


def rows_of(read: Source) -> str:
    """All rows of a rollup or a series, or of facts without foreign documents."""
    if isinstance(read, Facts):
        return f'SELECT * EXCLUDE ("foreign") FROM {quoted(read.key)} WHERE NOT "foreign"'
    return f"SELECT * FROM {quoted(read.key)}"


def reading(reads: Sequence[Source], query: str) -> str:
    """A query over rollups, series and facts, by their names."""
    return with_named([f"{quoted(source.name)} AS ({rows_of(source)})" for source in reads], query)


def with_named(named: Sequence[str], query: str) -> str:
    """A query, which may have named ones of its own, after these."""
    first, _, rest = query.strip().partition(" ")
    own = first.upper() == "WITH"
    return f"WITH {', '.join(named)}, {rest}" if own else f"WITH {', '.join(named)} {query}"


def rolled_up(rollup: Rollup, among: str = "true", table: str = "") -> str:
    """The rows of a rollup, of the periods in which `among` holds."""
    ours = f'FROM {quoted(table or rollup.facts.key)} WHERE NOT "foreign" AND {among}'
    return f'WITH {quoted(rollup.facts.name)} AS (SELECT * EXCLUDE ("foreign") {ours}) SELECT * FROM ({rollup.query})'


def following(series: Series, period: str) -> str:
    """The rows of a series from this period on."""
    return f"SELECT * FROM ({_asking(series, period, series.query)}) WHERE period >= {_text(period)}"


def since(series: Series, changed: str) -> str:
    """The period from which on a series follows from what changed in this one."""
    return _asking(series, changed, series.since)


def _asking(series: Series, period: str, query: str) -> str:
    named = [f"{quoted(read.name)} AS ({rows_of(read)})" for read in series.reads]
    return with_named([f"asked AS (SELECT {_text(period)} AS period)", *named], query)


def is_among(column: str, values: Iterable[str]) -> str:
    """A condition: the column has one of these values. They are constants, by which DuckDB skips blocks of rows."""
    return f"{column} IN ({', '.join(map(_text, values)) or 'NULL'})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def digest_of(table: str) -> str:
    """An expression for the digest of all rows of a table, whatever their order."""
    return f"(SELECT (count(*), bit_xor(hash(t))) FROM {table} t)"


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
