"""Grades of the models over several seeds, without a database: `python tests/domains/omnishop/grades.py 1 2 3`.

With --campaigns N, instead the intervals of so many campaigns over a longer time. With --frauds, each series of frauds:
whether an order of it is an alert, by the weights of the orders before them, and which one.
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
from multimarket_async.domains.omnishop.fraud import FEATURES, INTERCEPT, THRESHOLD
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
        if only and rollup.facts.collection not in only:
            continue
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


def _campaigns(number: int, seeds: list[int]) -> None:
    """The share of so many campaigns whose true effect is in the interval, and the mean error, of each seed."""
    domain = loaded(shoppers=800)
    job = next(job for job in domain.jobs if job.name == "campaign_effect")
    names = ("omni_orders", "omni_products", "omni_promotions", "omni_truth")
    for seed in seeds:
        result = graded(database(domain, seed, 6 * number + 12, names), job, seed)
        grades = ", ".join(f"{row['measure']} {row['value']:.3f}" for row in result.tables[TABLE])
        sys.stdout.write(f"seed {seed}: {len(result.rows)} campaigns, {grades}\n")
        sys.stdout.flush()


def _frauds(seeds: list[int]) -> None:
    """Of the later half of the orders; the weights and the threshold are those of the earlier half."""
    found: dict[str, list[tuple[int, int, int | None, float | None]]] = defaultdict(list)
    for seed in seeds:
        domain = loaded()
        connection = database(domain, seed, only=("omni_orders", "omni_truth"))
        for pattern, series in _series(connection, domain, seed):
            at = next((place for place, (_, is_alert) in enumerate(series, 1) if is_alert), None)
            minutes = (series[at - 1][0] - series[0][0]).total_seconds() / 60 if at else None
            found[pattern].append((len(series), sum(is_alert for _, is_alert in series), at, minutes))
    sys.stdout.write("| pattern | series | caught | orders | alerts | first alert: order | minutes after the first |\n")
    sys.stdout.write("|---|---:|---:|---:|---:|---:|---:|\n")
    for pattern, rows in sorted(found.items()):
        caught = [(at, minutes) for *_, at, minutes in rows if at is not None and minutes is not None]
        orders, alerts = (sum(row[place] for row in rows) for place in (0, 1))
        first, after = (_spread([each[place] for each in caught]) for place in (0, 1))
        sys.stdout.write(f"| {pattern} | {len(rows)} | {len(caught)} | {orders} | {alerts} | {first} | {after} |\n")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})" if values else ""


def _series(connection: duckdb.DuckDBPyConnection, domain: LoadedDomain, seed: int) -> Any:
    """Of each series of the later half its pattern, and of its orders the time, and whether there is an alert."""
    job = next(job for job in domain.jobs if job.name == "fraud_model")
    orders, labels = (connection.sql(job.inputs[name].query) for name in ("orders", "labels"))
    rows = orders.fetchall()
    early = {"orders": orders.limit(len(rows) // 2), "labels": labels}
    weights = {row["feature"]: row["weight"] for row in importlib.import_module(job.module).run(early, seed).rows}
    scores = {row[0]: sum(weights[name] * of for name, of in zip(FEATURES, row[2:], strict=True)) for row in rows}
    least = weights[THRESHOLD] - weights[INTERCEPT]
    later = {row[0] for row in rows[len(rows) // 2 :]}
    known = connection.sql("""
SELECT order_id, label, client, orders."at" FROM orders JOIN truth ON key = order_id
WHERE truth.kind = 'fraud' ORDER BY orders."at"
""").fetchall()
    series = defaultdict(list)
    for order, pattern, client, at in known:
        if order in later:
            series[pattern, client, at.date()].append((at, scores[order] >= least))
    return [(pattern, found) for (pattern, *_), found in series.items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="*")
    parser.add_argument("--campaigns", type=int)
    parser.add_argument("--frauds", action="store_true")
    given = parser.parse_args()
    if given.frauds:
        _frauds(given.seeds)
    elif given.campaigns:
        _campaigns(given.campaigns, given.seeds or [1])
    else:
        _over(given.seeds)
