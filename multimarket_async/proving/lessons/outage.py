"""Outage: MongoDB is stopped for three days of a week."""

from multimarket_async.proving.lessons.run import Lesson, Run


async def perform(run: Run) -> None:
    """Stop MongoDB on Wednesday and start it again on Saturday."""
    async with run.collecting():
        monday, tuesday, *away, saturday, sunday = run.days((1,) * 7)
        for day in (monday, tuesday):
            await run.live(*day)
        await run.stop_mongodb()
        first, *_, last = [await run.live(*day, "no MongoDB") for day in away]
        await run.start_mongodb()
        for day in (saturday, sunday):
            await run.live(*day)
    await run.measure()
    run.expect("files waiting when MongoDB came back", last.waiting, at_least=1)
    run.expect("files archived while it was away", last.archived - first.archived, equals=0)
    run.expect("duplicates archived", run.duplicates, equals=run.expected["duplicate"])
    run.expect("files in quarantine", run.quarantined.total(), equals=0)


OUTAGE = Lesson(
    "Outage: MongoDB goes away in the middle of the week",
    perform,
    2100,
    domain="orders",
    watch="""
A week, a day a second. From Wednesday to Friday MongoDB is really stopped, while orders keep arriving, one in ten of
them twice. They wait as files; on Saturday MongoDB is back and the backlog drains.
""",
    why="""
A file leaves its folder only after MongoDB has confirmed that its order is on disk. While nothing is confirmed, every
file stays where it is: nothing was archived during the outage, and at every scan each file was in exactly one place.
The collector retries until MongoDB is back, and then continues by itself.

An order that arrived twice has the same key both times. The second file is archived as a duplicate; it is no second
order.
""",
    settings={"faults": "duplicate=0.1"},
    stops_mongodb=True,
)
