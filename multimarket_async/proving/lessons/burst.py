"""The plain demo: a burst into every feed, followed to the last cent."""

from multimarket_async.producer import LAST_24_MONTHS, Period
from multimarket_async.proving.lessons.run import Lesson, Run


async def perform(run: Run) -> None:
    """Deliver all files at full speed; they are collected meanwhile."""
    length = run.rehearsal.period if run.rehearsal else LAST_24_MONTHS
    period = Period.before(run.until or run.application.clock.now(), length)
    async with run.collecting():
        await run.deliver(run.files_per_feed, period)
    await run.compute()
    await run.measure()


BURST = Lesson("Burst: files of two years arrive in every feed at full speed", perform, 500)
