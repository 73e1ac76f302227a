"""Partitions as they are filled: a bounded run of the documents that one process writes to a collection."""

from threading import Lock
from uuid import uuid4

from multimarket_async.clock import Clock

PARTITION_DOCUMENTS = 4_000


class Filling:
    """The partitions that this process fills, of each collection one at a time. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._prefix = f"{clock.now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        self._number = 0
        self._open: dict[str, tuple[str, int]] = {}  # of each collection: the partition, and for how many more
        self._lock = Lock()

    def reserve(self, collection: str, documents: int = 1) -> str:
        """The partition for so many documents more; the next one where they do not fit in."""
        with self._lock:
            partition, room = self._open.get(collection, ("", 0))
            if room < documents:
                self._number += 1
                partition, room = f"{self._prefix}-{self._number}", PARTITION_DOCUMENTS
            self._open[collection] = partition, room - documents
            return partition

    def give_back(self, collection: str, partition: str, documents: int) -> None:
        """Free what was reserved in a partition and is not needed."""
        with self._lock:
            current, room = self._open[collection]
            if current == partition:
                self._open[collection] = partition, room + documents
