"""landing -> store: scan, read, insert, archive; a bad file goes to the quarantine with the reason."""

from multimarket_async.collector.disk import DiskReporter
from multimarket_async.collector.late_writes import LateWrites
from multimarket_async.collector.pipeline import Collector
from multimarket_async.collector.stats import Breaches, Latency, LatencyReporter, Tally, measured
