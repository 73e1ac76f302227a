"""Black Friday: files arrive faster than they can be stored."""

from datetime import date

from multimarket_async.proving.lessons.run import Lesson, Run


async def perform(run: Run) -> None:
    """Live the week of Black Friday with a slow collector."""
    await run.live_days((1, 1, 1, 1.2, 20, 4, 1.5), date(2025, 11, 24))
    run.expect("most files waiting at the same time", run.peak, at_least=1)
    run.expect("longest wait of 99 files in 100, s", run.waits.p99_s, at_most=10.0)
    run.expect("longest wait, s", run.waits.max_s, at_most=10.0)
    run.expect("files that waited longer than the budget", run.waits.breaches, equals=0)


BLACK_FRIDAY = Lesson(
    "Black Friday: twenty times as many orders as on a usual day",
    perform,
    3000,
    domain="orders",
    watch="""
The week of Black Friday 2025, a day a second. The collector stores at most 60 files at a time here, as if the machine
were weak. On Friday files arrive faster than that: they wait in their folders, and the backlog drains. Every file must
still be stored within 10 seconds.
""",
    why="""
A peak is stored late, not lost: files wait on disk in the order in which they arrived, the feeds take turns, and a
file leaves its folder only after MongoDB has confirmed its order. So the peak costs time, and even the slowest file
stayed within the budget of 10 seconds.

The table by day shows the peak where it belongs, on 28 November: orders count on the day they were placed, however
long they waited.
""",
    settings={"batch_files": 60},
    kpis=("orders_by_day_and_channel",),
    next={"kpi show orders_by_day_and_channel": "orders and revenue of each day"},
)
