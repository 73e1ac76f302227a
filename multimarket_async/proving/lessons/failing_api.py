"""Failing API: the service that is polled fails, in each way in turn, at every second poll of three days."""

from itertools import cycle

from multimarket_async.proving.lessons.run import Lesson, Run

POLLS_A_DAY, DAYS = 16, 3
# Of the simulated city: it refuses, fails, or answers with half of what it should, under status 200.
FAULTS = ("quota", "error", "html", "half", "interrupted")
ANSWERS = 20  # more than one poll asks for


async def perform(run: Run) -> None:
    """Poll as of each step of three days; inject a fault into the answers of every second poll."""
    if (served := run.served) is None:
        raise ValueError("nothing is served")
    faults = cycle(FAULTS)
    injected: list[str] = []

    async def inject(number: int) -> None:
        for fault in injected[-1:]:
            await served.inject(fault, 0)
        if number % 2:
            injected.append(next(faults))
            await served.inject(injected[-1], ANSWERS)

    served.may_fail, served.before_poll = True, inject
    await run.live_days((1,) * DAYS)
    run.expect("polls that failed", len(served.failed), equals=len(injected))
    run.expect("answers that landed", run.delivered, equals=run.files - len(injected))
    run.expect("files in quarantine", run.quarantined.total(), equals=0)


FAILING_API = Lesson(
    "Failing API: a service that is polled fails at every second poll, in five ways",
    perform,
    POLLS_A_DAY * DAYS,
    domain="mobility",
    polls=True,
    watch="""
Three days of a simulated city, polled sixteen times a day. At every second poll its services fail: the quota is used
up, an internal error, a maintenance page in HTML, half of a body, an error in the middle of an answer that began well.
""",
    why="""
A poll lands a whole answer or nothing. An error under status 200 is none the less an error: a body that is no JSON, or
that has fewer records than it announces, becomes no file, so that nothing is in quarantine and no half of a city is
stored. The poll after it asks again; as a status says since when it holds, what changed meanwhile is seen then.

Each failed poll is known with its reason: `status` shows since when a source is away, and `poll --once` ends with 3.
""",
    settings={"poll_tries": 1},
    next={"verify": "compare once more what is stored with the archived answers"},
)
