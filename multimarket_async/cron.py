"""Schedules as in crontab(5), five fields, in a time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def check_cron(text: str) -> str:
    """A schedule; "" is none. Raises ValueError."""
    try:
        if text:
            CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{text!r} is no schedule such as 0 6 * * * (crontab): {error}") from None
    return text


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The first instant of a schedule after this one, in UTC."""
    return next(CronSim(cron, after.astimezone(ZoneInfo(timezone)))).astimezone(UTC)
