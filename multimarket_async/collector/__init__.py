"""landing -> store: scan, read, insert, archive; what is bad is set aside with the reason."""

from multimarket_async.collector.collector import Collector
from multimarket_async.collector.tally import Latency, Tally

__all__ = ["Collector", "Latency", "Tally"]
