"""Slow writer: files appear before they are complete."""

from multimarket_async.proving.lessons.run import Lesson, Run


async def perform(run: Run) -> None:
    """Write a quarter of the files in two halves, two days apart."""
    run.torn_for_s = 2 * run.day_s
    await run.live_days((1,) * 3)
    run.expect("files written in two halves", run.manifest.faults["torn"], at_least=1)
    run.expect("most files waiting at the same time", run.peak, at_least=1)
    run.expect("files in quarantine", run.quarantined.total(), equals=0)
    run.expect("duplicates archived", run.duplicates, equals=0)


SLOW_WRITER = Lesson(
    "Slow writer: files that appear before they are complete",
    perform,
    120,
    domain="orders",
    watch="""
A careless system writes under the final name: one file in four shows its first half now and its second half two
seconds later. The collector reads half an order, again and again. It must neither store nor quarantine it.
""",
    why="""
Half an order is not valid JSON, so it cannot become an order. But it could become one: a file that ends too early is
deferred until it has not changed for quiet_period_s (3 seconds). The second half came in time, the file was read once
more, and stored whole: its digest is that of the whole content.

A file whose writer pauses longer than quiet_period_s is quarantined as truncated. Nothing is lost then either:
`quarantine replay --changed` sends back files that were completed there.
""",
    settings={"faults": "torn=0.25", "quiet_period_s": 3.0},
)
