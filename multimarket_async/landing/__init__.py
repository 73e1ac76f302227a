"""The directory where sources and collector meet: drop, waiting, archive, quarantine."""

from multimarket_async.landing.bulk import Moved, compiled, count_waiting, drop_all, torn
from multimarket_async.landing.directory import Landing, is_content, read
from multimarket_async.landing.quarantine import Quarantine, SetAside
from multimarket_async.landing.waiting import WaitingFile

__all__ = [
    "Landing",
    "Moved",
    "Quarantine",
    "SetAside",
    "WaitingFile",
    "compiled",
    "count_waiting",
    "drop_all",
    "is_content",
    "read",
    "torn",
]
