"""The storage seam: few verbs that hide the driver and the server."""

from bson.int64 import Int64

from multimarket_async.store.alerts import AlertMessages, AlertStates
from multimarket_async.store.documents import (
    NO_ORIGIN,
    PLACEHOLDER_PARTITION,
    Change,
    Encoded,
    Exists,
    Inserted,
    Origin,
    Outcome,
    Placeholder,
    RecordEncoder,
    Refused,
    Replaced,
    Taken,
    compared_by,
    digest_of,
    encode,
    is_newer,
    origin_of,
)
from multimarket_async.store.embedded import EmbeddedServer, find_mongod, is_of_wheel
from multimarket_async.store.embedded.mongod import LEAST_OPEN_FILES
from multimarket_async.store.erasures import ERASURES, Erasures
from multimarket_async.store.expirations import Expirations
from multimarket_async.store.filling import PARTITION_DOCUMENTS, Filling
from multimarket_async.store.foreign import GENERATION, NUMBER, VERSION, harmful, strangers, unfit
from multimarket_async.store.json_lines import Field, Lines, lines
from multimarket_async.store.mongo import Store
from multimarket_async.store.partitions import VERSIONS, Changed, Partition, Partitions
from multimarket_async.store.receipts import CHANGED, RECEIPTS, Receipt, Receipts, RecordCounts, Rewritten, receipt_id
from multimarket_async.store.rows import ROWS, Packed, chunk_key, pack, read_rows, write_rows
from multimarket_async.store.server import Server, role
from multimarket_async.store.sinks import EXPORTS, STATES, SinkStates

GENERATIONS = "kpi_snapshots"  # the collection of KPI generations
