"""Databases of DuckDB: in bounded memory, with the offsets of a time zone, and macros for money, rates and dates."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from multimarket_async.errors import OperationFailed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

DAY_S, LAST_S = 86_400, 230 * 365 * 86_400  # the table of offsets ends in 2199
BATCH_ROWS = 1_000
PLAIN = {"VARCHAR", "BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "BOOLEAN"}  # types of values that are published as read
ZONE = """
CREATE OR REPLACE TABLE zone AS
SELECT unnest(?::TIMESTAMP[]) AS utc_from, unnest(?::TIMESTAMP[]) AS wall_from, unnest(?::INTERVAL[]) AS shift
"""
START_OF = "CREATE OR REPLACE MACRO start_of(day) AS day::TIMESTAMP - "
CLOCKS_CHANGE = "(SELECT max_by(shift, wall_from) FROM zone WHERE wall_from <= day::TIMESTAMP)"
MACROS = """
CREATE OR REPLACE MACRO amount(minor) AS minor * 0.01::DECIMAL(3, 2);
CREATE OR REPLACE MACRO floored(n, d) AS n // d - (n % d * sign(d) < 0)::TINYINT;  -- // truncates
CREATE OR REPLACE MACRO half_up(n, d) AS floored(2 * n::HUGEINT + d, 2 * nullif(d, 0)::HUGEINT);
CREATE OR REPLACE MACRO percent(part, whole) AS amount(half_up(10000 * part::HUGEINT, whole));
"""


def opened(path: Path, memory_limit: str, threads: int = 2) -> "Database":
    """A database in a file; what exceeds the memory limit is on disk, beside it. Raises duckdb.Error."""
    import duckdb  # noqa: PLC0415 - 13 MB that only a command that measures or verifies pays

    database = duckdb.connect(
        path, config={"memory_limit": memory_limit, "threads": threads, "autoinstall_known_extensions": False}
    )
    # DuckDB 2.0 sorts a sum beside an outer join with nothing as one byte: 18000 comes out as 80.
    database.execute("SET disabled_optimizers = 'compressed_materialization'")
    return database


def define(database: "Database", timezone: str) -> None:
    """Create the table `zone`, and the macros, in the current schema."""
    offsets = _offsets(timezone)
    database.execute(ZONE, [list(column) for column in zip(*offsets, strict=True)])
    always = f"INTERVAL '{offsets[0][2].total_seconds():.0f} seconds'"  # planned in a tenth of the time
    database.execute(START_OF + (CLOCKS_CHANGE if len(offsets) > 1 else always))
    database.execute(MACROS)


@contextmanager
def failing(subject: str) -> Iterator[None]:
    """Raises OperationFailed, whose sentence begins with `subject`, where SQL fails, or the disk."""
    import duckdb  # noqa: PLC0415

    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise OperationFailed(f"{subject}: {' '.join(str(error).split())}") from error


def rows(result: "Database") -> Iterator[dict[str, Any]]:
    """The rows of a query; their values as `plain` gives them."""
    columns = result.description or ()
    names, as_they_are = [column[0] for column in columns], [str(column[1]) in PLAIN for column in columns]
    while batch := result.fetchmany(BATCH_ROWS):
        values = zip(as_they_are, zip(*batch, strict=True), strict=True)
        converted = [column if is_plain else map(plain, column) for is_plain, column in values]
        yield from (dict(zip(names, row, strict=True)) for row in zip(*converted, strict=True))


def plain(value: Any) -> Any:
    """A value of SQL as it is published: amounts as the nearest double, instants in UTC."""
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return value.replace(tzinfo=UTC)
        case list():
            return [plain(item) for item in value]
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
    return value


@cache
def _offsets(zone: str) -> list[tuple[datetime, datetime, timedelta]]:
    """The offsets of a time zone: the instant and the clock time from which each holds, and the offset.

    Clock times that are skipped have the old offset, and repeated ones mean the first time (PEP 495, fold 0).
    """
    place, start = ZoneInfo(zone), datetime(1970, 1, 1, tzinfo=UTC)

    def offset(seconds: int) -> timedelta:
        return (start + timedelta(seconds=seconds)).astimezone(place).utcoffset() or timedelta()

    first = datetime(1, 1, 1)  # noqa: DTZ001 - TIMESTAMP has no zone
    offsets = [(first, first, offset(0))]
    for day in range(0, LAST_S, DAY_S):
        old, new = offsets[-1][2], offset(day + DAY_S)
        if new != old:
            seconds = bisect_left(range(day, day + DAY_S), True, key=lambda at: offset(at) != offsets[-1][2])
            instant = (start + timedelta(seconds=day + seconds)).replace(tzinfo=None)
            offsets.append((instant, instant + max(old, new), new))
    return offsets
