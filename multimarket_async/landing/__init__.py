"""The directory where sources and collector meet: drop, waiting, archive, quarantine."""

from multimarket_async.landing.bulk import count_waiting, drop_all, torn
from multimarket_async.landing.directory import Landing, WaitingFile, is_content, read
from multimarket_async.landing.quarantine import Quarantine, SetAside

__all__ = [
    "Landing",
    "Quarantine",
    "SetAside",
    "WaitingFile",
    "count_waiting",
    "drop_all",
    "is_content",
    "read",
    "torn",
]
