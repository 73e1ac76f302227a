"""Jobs over simulated files, without a database of ours: what they read as tables of DuckDB, and their results."""

import importlib
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import duckdb

from multimarket_async.domains import Facts, Feed, IncomingFile, Job, LoadedDomain, Rollup
from multimarket_async.feeds import Located, RejectedRecord
from multimarket_async.results import Result
from multimarket_async.simulation import Delivery

LATEST = datetime(2026, 11, 30, tzinfo=UTC)
# The files of a feed, in the order in which they come.
Made: TypeAlias = Callable[[Feed], Iterable[Delivery]]


def database(domain: LoadedDomain, made: Made, only: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """The facts and rollups that the jobs read. only: of these collections."""
    connection = duckdb.connect(config={"threads": 1})
    reads = {read.name: read for job in domain.jobs for each in job.inputs.values() for read in each.reads}
    rollups = [read for read in reads.values() if isinstance(read, Rollup)]
    facts = {read.name: read for read in [*reads.values(), *(r.facts for r in rollups)] if isinstance(read, Facts)}
    for each in facts.values():
        if not only or each.collection in only:
            _add(connection, domain, each, made)
    for rollup in rollups:
        if not only or rollup.facts.collection in only:
            connection.execute(f"CREATE TABLE {rollup.name} AS {rollup.query}")
    return connection


def _add(connection: duckdb.DuckDBPyConnection, domain: LoadedDomain, facts: Facts, made: Made) -> None:
    [feed] = [feed for feed in domain.feeds if feed.name == facts.collection]
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
        for record in _records(feed, made(feed)).values():
            file.write(json.dumps(record, default=lambda at: f"{at:%Y-%m-%d %H:%M:%S}") + "\n")
        file.flush()
        columns = ", ".join(f'{_value(at.path)}::{at.type} AS "{name}"' for name, at in facts.fields.items())
        local = f', "{facts.event}" AS local' if facts.event else ""
        connection.execute(f"""
CREATE TABLE {facts.name} AS SELECT *{local}, {facts.period} AS period
FROM (SELECT {columns} FROM read_json('{file.name}', format='newline_delimited', sample_size=-1))""")


def _records(feed: Feed, deliveries: Iterable[Delivery]) -> dict[str, Any]:
    """The good records by key: the last one of each."""
    found = {}
    for made in deliveries:
        for record in feed.read(IncomingFile(feed.name, made.name, LATEST, made.content)):
            if not isinstance(record, RejectedRecord):
                document: Any = record.record if isinstance(record, Located) else record
                found[document["_id"]] = document
    return found


def _value(path: str) -> str:
    head, _, tail = path.partition(".")
    return f"list_transform({head}, lambda line: line.{tail})" if tail else f'"{head}"'


def graded(connection: duckdb.DuckDBPyConnection, job: Job, seed: int) -> Result:
    """The result of a job."""
    inputs = {name: connection.sql(each.query) for name, each in job.inputs.items()}
    result: Result = importlib.import_module(job.module).run(inputs, seed)
    return result


def spread(values: Sequence[float], decimals: int = 3) -> str:
    """The median, and the range."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"
