"""The storage seam: few verbs, so that nothing above knows which driver or server is behind them."""

from multimarket_async.store.embedded import EmbeddedServer, find_mongod
from multimarket_async.store.marks import Mark, Marks
from multimarket_async.store.mongo import (
    AWAITED,
    Awaited,
    Change,
    Encoded,
    Exists,
    Inserted,
    Int64,
    Outcome,
    Refused,
    Store,
    compared_by,
    digest_of,
    digests_of,
    encode,
)

LEDGER = "kpi_snapshots"  # the collection of KPI generations

__all__ = [
    "AWAITED",
    "LEDGER",
    "Awaited",
    "Change",
    "EmbeddedServer",
    "Encoded",
    "Exists",
    "Inserted",
    "Int64",
    "Mark",
    "Marks",
    "Outcome",
    "Refused",
    "Store",
    "compared_by",
    "digest_of",
    "digests_of",
    "encode",
    "find_mongod",
]
