"""Grades of the models over several seeds, without a database: `python -m tests.domains.omnishop.grades 1 2 3`.

With --campaigns N, instead the intervals of so many campaigns over a longer time. With --frauds, each series of frauds:
whether an order of it is an alert, by the weights of the orders before them, and which one.
"""

import argparse
import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb

from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.domains.omnishop import OMNISHOP
from multimarket_async.domains.omnishop.fraud import FEATURES, INTERCEPT, THRESHOLD
from multimarket_async.domains.omnishop.models.grades import TABLE
from multimarket_async.simulation import Delivery
from tests.domains import grading
from tests.domains.grading import LATEST, graded, spread

DAYS = 60


def loaded(**settings: Any) -> LoadedDomain:
    return OMNISHOP.declare(OMNISHOP.settings.model_validate(settings))


def database(
    domain: LoadedDomain, seed: int, days: int = DAYS, only: tuple[str, ...] = ()
) -> duckdb.DuckDBPyConnection:
    """The inputs of the jobs, of so many days."""

    def made(feed: Feed) -> Iterator[Delivery]:
        assert feed.simulate is not None
        for number in range(1 if feed.simulated_files else days):
            yield feed.simulate(seed, number, LATEST - timedelta(days=days), LATEST)

    return grading.database(domain, made, only)


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
        sys.stdout.write(f"| {job} | {measure} | {spread(values)} | {against} | {spread(others)} | {wins} |\n")


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
        first, after = (spread([each[place] for each in caught], 0) if caught else "" for place in (0, 1))
        sys.stdout.write(f"| {pattern} | {len(rows)} | {len(caught)} | {orders} | {alerts} | {first} | {after} |\n")


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
