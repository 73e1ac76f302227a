"""Bad supplier: one file in six is invalid."""

from multimarket_async.proving.lessons.run import Lesson, Run


async def perform(run: Run) -> None:
    """Deliver invalid files among good ones."""
    await run.live_days((1,) * 4)
    run.expect("bad files delivered", run.bad, at_least=1)
    run.expect("files in quarantine", run.quarantined.total(), equals=run.bad)
    run.expect("duplicates archived", run.duplicates, equals=0)
    run.expect("files that waited longer than the budget", run.waits.breaches, equals=0)


BAD_SUPPLIER = Lesson(
    "Bad supplier: one file in six is wrong, in every way a file can be",
    perform,
    300,
    domain="orders",
    watch="""
A supplier's export is broken: truncated files, NaN as a price, wrong dates, orders for another channel, XML. Each bad
file must be quarantined with the exact reason, and no good order may wait for it.
""",
    why="""
Each file is validated as a whole before anything of it is stored. A good one becomes an order; a bad one is moved to
the quarantine as it arrived, and beside it lies its reason: a code, the place in the text and a sentence. Nobody
guesses what the supplier meant, so no wrong number reaches a KPI, and nothing is thrown away.

The simulator knew for each file the code under which it had to be quarantined; the table above has both counts.

To correct a file, edit it where it lies, in the folder quarantine, and send it back with the last command below.
""",
    settings={"faults": "bad=0.16", "quiet_period_s": 1.0},
    example="not_a_number",
    next={
        "quarantine list": "all files in quarantine, and why",
        "quarantine show {example}": "one of them, with the place of the error",
        "quarantine replay {example}": "after correcting it: back to its folder, to be read again",
    },
)
