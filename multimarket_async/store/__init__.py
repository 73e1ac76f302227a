"""The storage seam: few verbs that hide the driver and the server."""

from bson.int64 import Int64

from multimarket_async.store.dirty import DirtyMark, DirtyPartitions
from multimarket_async.store.documents import (
    PLACEHOLDER_PARTITION,
    Change,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Placeholder,
    Refused,
    compared_by,
    digest_of,
    digests_of,
    encode,
)
from multimarket_async.store.embedded import EmbeddedServer, find_mongod
from multimarket_async.store.mongo import Store

GENERATIONS = "kpi_snapshots"  # the collection of KPI generations
