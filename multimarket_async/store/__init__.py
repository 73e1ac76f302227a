"""The storage seam: few verbs, so that nothing above knows which driver or server is behind them."""

from multimarket_async.store.dirty import DirtyMark, DirtyPartitions
from multimarket_async.store.embedded import EmbeddedServer, find_mongod
from multimarket_async.store.mongo import (
    PLACEHOLDER_PARTITION,
    Change,
    Encoded,
    Exists,
    Inserted,
    Int64,
    Outcome,
    Placeholder,
    Refused,
    Store,
    compared_by,
    digest_of,
    digests_of,
    encode,
)

GENERATIONS = "kpi_snapshots"  # the collection of KPI generations

__all__ = [
    "GENERATIONS",
    "PLACEHOLDER_PARTITION",
    "Change",
    "DirtyMark",
    "DirtyPartitions",
    "EmbeddedServer",
    "Encoded",
    "Exists",
    "Inserted",
    "Int64",
    "Outcome",
    "Placeholder",
    "Refused",
    "Store",
    "compared_by",
    "digest_of",
    "digests_of",
    "encode",
    "find_mongod",
]
