"""Lessons: each module here tells one. It delivers, breaks something on purpose, and says what must be seen.

`perform` gets a `Run`: `await run.live_days(busy)`; or `async with run.collecting()` deliver (`run.live(*day)`,
`run.deliver(files, period)`), then `await run.measure()`. Then `run.expect(title, seen, equals=...)`. A new lesson is a
new module and its name here.
"""

from collections.abc import Mapping

from multimarket_async.proving.lessons.bad_supplier import BAD_SUPPLIER
from multimarket_async.proving.lessons.black_friday import BLACK_FRIDAY
from multimarket_async.proving.lessons.burst import BURST
from multimarket_async.proving.lessons.double_charge import DOUBLE_CHARGE
from multimarket_async.proving.lessons.failing_api import FAILING_API
from multimarket_async.proving.lessons.outage import OUTAGE
from multimarket_async.proving.lessons.run import Lesson
from multimarket_async.proving.lessons.slow_writer import SLOW_WRITER

LESSONS: Mapping[str, Lesson] = {
    "burst": BURST,
    "bad-supplier": BAD_SUPPLIER,
    "black-friday": BLACK_FRIDAY,
    "double-charge": DOUBLE_CHARGE,
    "failing-api": FAILING_API,
    "outage": OUTAGE,
    "slow-writer": SLOW_WRITER,
}
