"""store -> KPI generations -> store: documents are summed by partition, partitions by period, periods into KPIs."""

from multimarket_async.snapshots.generations import Generation, flat, superseded, views
from multimarket_async.snapshots.snapshotter import TASK, Snapshotter
