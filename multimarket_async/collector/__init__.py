"""landing -> store: scan, read, insert, archive; what is bad is set aside with the reason."""

from multimarket_async.collector.collector import Collector
from multimarket_async.collector.latency import LatencyReporter
from multimarket_async.collector.tally import Breaches, Latency, Tally

__all__ = ["Breaches", "Collector", "Latency", "LatencyReporter", "Tally"]
