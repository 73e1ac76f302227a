"""The stage from feeds to landing directories: made-up deliveries, live at a pace, or a history at full speed."""

from multimarket_async.producer.faults import Faults
from multimarket_async.producer.history import History, drop_history, shared_out
from multimarket_async.producer.pace import Rhythm
from multimarket_async.producer.period import LAST_24_MONTHS, Period
from multimarket_async.producer.producer import Producer

__all__ = ["LAST_24_MONTHS", "Faults", "History", "Period", "Producer", "Rhythm", "drop_history", "shared_out"]
