"""Scores of the models over several seeds, without a database: `python -m tests.domains.bikes.grades 1 2 3 4 5`.

Of 2,000 made-up orders of five years, as many as the real dealer's files have.
"""

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

import structlog

from multimarket_async.domains import Feed
from multimarket_async.domains.bikes import BIKES
from multimarket_async.domains.bikes.simulator.exports import ORDERS_PER_FILE
from multimarket_async.results import Result
from multimarket_async.simulation import Delivery
from tests.domains import grading
from tests.domains.grading import LATEST, graded, spread

ORDERS, DAYS = 2_000, 5 * 365


def results(seed: int) -> Iterator[tuple[str, Result]]:
    """The result of each job."""
    domain = BIKES.declare(BIKES.settings())

    def made(feed: Feed) -> Iterator[Delivery]:
        assert feed.simulate is not None
        for number in range(ORDERS // ORDERS_PER_FILE if feed.name == "bike_orders" else 1):
            yield feed.simulate(seed, number, LATEST - timedelta(days=DAYS), LATEST)

    connection = grading.database(domain, made)
    for job in domain.jobs:
        yield job.name, graded(connection, job, seed)


def main(seeds: list[int]) -> None:
    """Print a row a model."""
    found = defaultdict(list)
    for seed in seeds:
        for name, result in results(seed):
            found[name].append(result)
            sys.stderr.write(f"{seed} {name} {result.score} {result.baseline_score}\n")
    sys.stdout.write("| model | measure | median (range) | baseline | its median (range) | better |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for name, of in found.items():
        scores, others = [each.score for each in of], [each.baseline_score for each in of]
        wins = f"{sum(each.beats_baseline for each in of)} of {len(of)}"
        measure, baseline = f"{of[0].metric} ({of[0].better} is better)", of[0].baseline
        sys.stdout.write(f"| `{name}` | {measure} | {spread(scores)} | {baseline} | {spread(others)} | {wins} |\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    main(parser.parse_args().seeds)
