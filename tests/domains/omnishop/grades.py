"""Grades of the models over several seeds, without a database: `python tests/domains/omnishop/grades.py 1 2 3`.

With --campaigns N, instead the intervals of so many campaigns over a longer time.
"""

import argparse
import importlib
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from multimarket_async.domains import Facts, IncomingFile, Job, LoadedDomain, Rollup
from multimarket_async.domains.omnishop import OMNISHOP
from multimarket_async.domains.omnishop.models.grades import TABLE
from multimarket_async.feeds import Located
from multimarket_async.results import Result

LATEST, DAYS = datetime(2026, 11, 30, tzinfo=UTC), 60


def loaded(**settings: Any) -> LoadedDomain:
    return OMNISHOP.declare(OMNISHOP.settings.model_validate(settings))


def database(
    domain: LoadedDomain, seed: int, days: int = DAYS, only: tuple[str, ...] = ()
) -> duckdb.DuckDBPyConnection:
    """The facts and rollups that the jobs read, of simulated files."""
    connection = duckdb.connect(config={"threads": 1})
    reads = {read.name: read for job in domain.jobs for each in job.inputs.values() for read in each.reads}
    rollups = [read for read in reads.values() if isinstance(read, Rollup)]
    facts = {read.name: read for read in [*reads.values(), *(r.facts for r in rollups)] if isinstance(read, Facts)}
    for each in facts.values():
        if not only or each.collection in only:
            _add(connection, domain, each, seed, days)
    for rollup in rollups:
        connection.execute(f"CREATE TABLE {rollup.name} AS {rollup.query}")
    return connection


def _add(connection: duckdb.DuckDBPyConnection, domain: LoadedDomain, facts: Facts, seed: int, days: int) -> None:
    [feed] = [feed for feed in domain.feeds if feed.name == facts.collection]
    assert feed.simulate is not None
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
        for number in range(1 if feed.simulated_files else days):
            made = feed.simulate(seed, number, LATEST - timedelta(days=days), LATEST)
            for record in feed.read(IncomingFile(feed.name, made.name, LATEST, made.content)):
                assert isinstance(record, Located)
                file.write(json.dumps(record.record, default=lambda at: f"{at:%Y-%m-%d %H:%M:%S}") + "\n")
        file.flush()
        columns = ", ".join(f'{_value(at.path)}::{at.type} AS "{name}"' for name, at in facts.fields.items())
        local = f', "{facts.event}" AS local' if facts.event else ""
        connection.execute(f"""
CREATE TABLE {facts.name} AS SELECT *{local}, {facts.period} AS period
FROM (SELECT {columns} FROM read_json('{file.name}', format='newline_delimited', sample_size=-1))""")


def _value(path: str) -> str:
    head, _, tail = path.partition(".")
    return f"list_transform({head}, lambda line: line.{tail})" if tail else f'"{head}"'


def graded(connection: duckdb.DuckDBPyConnection, job: Job, seed: int) -> Result:
    inputs = {name: connection.sql(each.query) for name, each in job.inputs.items()}
    result: Result = importlib.import_module(job.module).run(inputs, seed)
    return result


def _over(seeds: list[int]) -> None:
    found: dict[tuple[str, str, str], list[tuple[float, float, bool]]] = defaultdict(list)
    for seed in seeds:
        domain = loaded()
        connection = database(domain, seed)
        for job in domain.jobs:
            for row in graded(connection, job, seed).tables[TABLE]:
                key = (row["job"], row["measure"], row["against"])
                found[key].append((row["value"], row["baseline_value"], row["wins"]))
                sys.stderr.write(f"{seed} {key} {found[key][-1]}\n")
    sys.stdout.write("| model | measure | median (range) | baseline | its median (range) | better |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for (job, measure, against), rows in found.items():
        values, others = ([row[place] for row in rows] for place in (0, 1))
        wins = f"{sum(row[2] for row in rows)} of {len(rows)}"
        sys.stdout.write(f"| {job} | {measure} | {_range(values)} | {against} | {_range(others)} | {wins} |\n")


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _campaigns(number: int) -> None:
    domain = loaded(shoppers=800)
    job = next(job for job in domain.jobs if job.name == "campaign_effect")
    names = ("omni_orders", "omni_products", "omni_promotions", "omni_truth")
    result = graded(database(domain, 1, 6 * number + 12, names), job, 1)
    sys.stdout.writelines(f"{row}\n" for row in result.tables[TABLE])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="*")
    parser.add_argument("--campaigns", type=int)
    given = parser.parse_args()
    if given.campaigns:
        _campaigns(given.campaigns)
    else:
        _over(given.seeds)
