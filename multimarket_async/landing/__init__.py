"""The directory where sources and collector meet: deliver, waiting, archive, quarantine."""

from multimarket_async.landing.bulk import Moved, compiled, count_waiting, deliver_all, torn
from multimarket_async.landing.directory import Landing, is_content, read
from multimarket_async.landing.quarantine import Quarantine, QuarantinedFile, report_changed
from multimarket_async.landing.waiting import WaitingFile

__all__ = [
    "Landing",
    "Moved",
    "Quarantine",
    "QuarantinedFile",
    "WaitingFile",
    "compiled",
    "count_waiting",
    "deliver_all",
    "is_content",
    "read",
    "report_changed",
    "torn",
]
