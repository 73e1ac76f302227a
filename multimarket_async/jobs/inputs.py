"""The inputs of a job: its queries over what is stored, as Parquet files in its folder; on Spark, over the lake."""

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.columnar import Columnar, Copying
from multimarket_async.columnar.statements import reading
from multimarket_async.document_tables import column_of, tables_of
from multimarket_async.domains import Facts, Input, Job, Kpi, LoadedDomain, facts_of
from multimarket_async.errors import OperationFailed
from multimarket_async.settings import Settings
from multimarket_async.store import Partitions, Store

ROWS_PER_FETCH = 2_000  # some milliseconds, in which no other thread of Python runs


async def write_inputs(domain: LoadedDomain, job: Job, store: Store, clock: Clock, folder: Path) -> str:
    """Write the inputs of a job; the digest of all their rows. Raises OperationFailed, Unavailable."""
    kpis = tuple(Kpi(name, name, "", "", each.reads, (), each.query) for name, each in job.inputs.items())
    read = LoadedDomain(domain.name, (), kpis, timezone=domain.timezone)
    with closing(Columnar([read])) as columnar:
        copying = Copying(store, Partitions(store, clock), columnar)
        for facts in read.facts:
            await copying.refresh(facts, lambda *_: None)
            for why in (await copying.run(columnar.roll_up, facts)).values():
                raise OperationFailed(why)
        return await copying.run(_written, columnar, read, job, folder)


def _written(columnar: Columnar, domain: LoadedDomain, job: Job, folder: Path) -> str:
    digest = hashlib.sha256()
    for name, each in sorted(job.inputs.items()):
        columnar.follow(each.reads)
        digest.update(f"{name}\n".encode())
        _write(columnar, domain, each, folder / f"{name}.parquet", digest)
    return digest.hexdigest()


def _write(columnar: Columnar, domain: LoadedDomain, each: Input, file: Path, digest: Any) -> None:
    """Write one file, and add its rows to the digest: by their values, so that the format does not count."""
    columnar.execute(domain, f"COPY ({reading(each.reads, each.query)}) TO '{file}' (FORMAT parquet)")
    columnar.execute(domain, f"FROM read_parquet('{file}')")
    while rows := columnar.fetch(ROWS_PER_FETCH):
        for row in rows:
            digest.update(f"{row!r}\n".encode())


def lake_inputs(domain: LoadedDomain, job: Job, settings: Settings) -> dict[str, Any]:
    """The same for Spark: the lake, and the queries with the views that they read."""
    tables = {table.collection: table for table in tables_of(domain)}
    facts = facts_of(read for each in job.inputs.values() for read in each.reads)
    views = {each.name: (tables[each.collection].name, _view(each, tables[each.collection])) for each in facts}
    queries = {name: each.query for name, each in sorted(job.inputs.items())}
    lake = settings.lake_url or str(settings.data_dir.resolve() / "lake")
    place = {"lake": lake.replace("s3://", "s3a://", 1), "master": settings.spark_master}
    return {**place, "timezone": domain.timezone, "views": views, "queries": queries}


def _view(facts: Facts, table: Facts) -> str:
    """SELECT over a table of the lake, {table}: the facts, without documents that lack one of them."""
    columns = {name: f"`{column_of(facts, name, table)}`" for name in facts.fields}
    chosen = [f"{column} AS `{name}`" for name, column in columns.items()]
    local = [f"from_utc_timestamp({columns[facts.event]}, '{{timezone}}') AS local"] if facts.event else []
    known = [f"{columns[name]} IS NOT NULL" for name, value in facts.fields.items() if not value.nullable]
    return f"SELECT {', '.join([*chosen, *local])} FROM {{table}} WHERE {' AND '.join(known)}"  # noqa: S608
