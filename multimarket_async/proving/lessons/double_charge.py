"""Double charge: orders arrive twice, some of them with other content."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from multimarket_async.domains import Row
from multimarket_async.proving.lessons.run import Lesson, Run

KPI, COLUMN = "revenue_by_month_and_channel", "revenue_minor"


async def perform(run: Run) -> None:
    """Deliver duplicates and contradictions; compare the revenue with that of each good order, once."""
    before = _revenue(await run.refresh())
    await run.live_days((1,) * 3)
    gained = _revenue(run.kpis) - before
    run.expect("second copies delivered", run.expected["duplicate"], at_least=1)
    run.expect("contradictions delivered", run.expected["conflict"], at_least=1)
    run.expect("duplicates archived", run.duplicates, equals=run.expected["duplicate"])
    run.expect("conflicts in quarantine", run.quarantined["conflict"], equals=run.expected["conflict"])
    run.expect("files in quarantine", run.quarantined.total(), equals=run.expected["conflict"])
    run.expect("revenue, of each good order once", gained, equals=_revenue(run.manifest.kpis))


def _revenue(kpis: Mapping[str, Sequence[Row]]) -> Decimal:
    return Decimal(sum(row[COLUMN] for row in kpis[KPI])) / 100


DOUBLE_CHARGE = Lesson(
    "Double charge: orders arrive twice, some of them with other content",
    perform,
    300,
    domain="orders",
    watch="""
A network fails after sending, so the sender sends again: one order in ten arrives twice, byte for byte. One in twenty
arrives again with the same number but another customer. No customer may be charged twice.
""",
    why="""
An order's key is its channel and its number, and MongoDB holds each key once. A second file with the same bytes
(SHA-256) says nothing new: it is archived as a duplicate and counted once.

A second file with the same key and other content contradicts the first. Neither may win silently: the first stays, the
second is quarantined as a conflict with both digests, and a person decides.

So revenue is that of each good order once, to the cent: it was computed a second time from the delivered files.
""",
    settings={"faults": "duplicate=0.1, conflict=0.05"},
    example="conflict",
    next={"quarantine list --code conflict": "the contradictions, with both digests"},
)
