"""The instants of polls: on a grid from start to start, sooner after a failure, and one after any downtime."""

import math
import random
from datetime import UTC, datetime, timedelta

from multimarket_async.cron import next_run
from multimarket_async.polling import Poll, PollState

SPREAD_S = 5.0  # over which the first polls of several feeds are spread
FIRST_RETRY_S, LONGEST_RETRY_S = 60.0, 3600.0  # pauses after failed polls, where `every_s` is longer
JITTER = 0.2
LONGEST_REST_S = 86_400.0  # asked for by a server
YEARS_S = 4 * 366 * 86_400.0  # a schedule may mean the 29th of February


def first(state: PollState, every_s: float, now: datetime, rng: random.Random, *, cron: bool = False) -> datetime:
    """The first poll of a process: on time after a restart; one poll, soon, after any downtime."""
    longest_s = max(every_s, LONGEST_REST_S) if state.failures else YEARS_S if cron else every_s
    if state.next_at and now < state.next_at <= now + timedelta(seconds=longest_s):
        return state.next_at
    return now + timedelta(seconds=rng.uniform(0, min(SPREAD_S, every_s)))


def following(poll: Poll, due: datetime, now: datetime) -> datetime:
    """The next poll after one that was due then: by its schedule, or by the grid."""
    if not poll.cron:
        return after_success(due, poll.every_s, now)
    return next_run(poll.cron, poll.timezone, max(due, now))


def after_success(due: datetime, every_s: float, now: datetime) -> datetime:
    """The next instant of the grid that has not passed."""
    passed = math.floor((now - due).total_seconds() / every_s)
    return due + timedelta(seconds=every_s) * (max(passed, 0) + 1)


def after_failure(due: datetime, every_s: float, now: datetime, failures: int, rng: random.Random) -> datetime:
    """The next try: pauses double, with jitter, up to `every_s` or an hour."""
    pause_s = min(FIRST_RETRY_S * 2 ** min(failures - 1, 10), LONGEST_RETRY_S)
    if pause_s >= every_s:
        return after_success(due, every_s, now)
    return now + timedelta(seconds=pause_s * rng.uniform(1 - JITTER, 1))


def not_before(until: datetime, at: datetime, now: datetime) -> datetime:
    """`at`, or what a server asks for, up to a day."""
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(at, min(aware, now + timedelta(seconds=LONGEST_REST_S)))
