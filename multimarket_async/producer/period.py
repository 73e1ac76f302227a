"""Period of a backfill: a number of months, weeks or days before a midnight."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from multimarket_async.errors import WrongSettings

LAST_24_MONTHS = "24months"
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """From one instant to another, UTC."""

    earliest: datetime
    latest: datetime

    @classmethod
    def before(cls, latest: datetime, length: str) -> "Period":
        """A length such as "24months" or "90 days", up to the midnight (UTC) before `latest`. Raises WrongSettings."""
        midnight = latest.replace(tzinfo=latest.tzinfo or UTC).astimezone(UTC)
        midnight = midnight.replace(hour=0, minute=0, second=0, microsecond=0)
        found = re.fullmatch(r"([1-9]\d{0,4}) *(day|week|month|year)s?", length.strip())
        if not found:
            raise WrongSettings(f"{length!r} is no length of time; expected 24months, 90days, 8weeks or 2years.")
        try:
            return cls(_earlier(midnight, int(found[1]), found[2]), midnight)
        except (ValueError, OverflowError) as error:
            raise WrongSettings(f"{length!r} is longer than the calendar is.") from error


def _earlier(day: datetime, number: int, unit: str) -> datetime:
    """The same day of an earlier month, or the last day of a shorter month."""
    if unit in DAYS:
        return day - timedelta(days=number * DAYS[unit])
    year, month = divmod(day.year * 12 + day.month - 1 - number * MONTHS[unit], 12)
    last = calendar.monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))
