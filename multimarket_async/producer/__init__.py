"""The stage from feeds to landing directories: made-up deliveries, live at a pace, or a history at full speed."""

from multimarket_async.producer.faults import Faults
from multimarket_async.producer.history import History, shared_out, write_backfill
from multimarket_async.producer.pace import ArrivalProcess
from multimarket_async.producer.period import LAST_24_MONTHS, Period
from multimarket_async.producer.producer import Producer

__all__ = [
    "LAST_24_MONTHS",
    "ArrivalProcess",
    "Faults",
    "History",
    "Period",
    "Producer",
    "shared_out",
    "write_backfill",
]
