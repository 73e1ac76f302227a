"""The columnar copy of the stored documents, in DuckDB: snapshots compute KPIs from one, the warehouse stars."""

from multimarket_async.columnar.copy import Columnar, Total
from multimarket_async.columnar.copying import Copying, Progress
