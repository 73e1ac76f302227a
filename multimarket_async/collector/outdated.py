"""Rows of older files end in tables of which one file is the whole."""

import math

from multimarket_async.clock import Clock
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import Table

EVERY_S, WITHOUT_INDEX_EVERY_S = 1.0, 60.0


class OutdatedRows:
    """Ends such rows now and then, as long as this process lives.

    A collector ends those of other files with each file that it has stored. But one that is behind, or a write that
    comes late, may put rows of an older file there after that; and where its collector is killed then, and the file was
    archived by another one, no file comes to end them.
    """

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._every_s = dict[Table, float]()
        self._due_at = dict[Table, float]()

    async def end(self, table: Table) -> None:
        """End those of a table, unless it was looked at a moment ago."""
        if table.mode != "replace" or self._clock.monotonic() < self._due_at.get(table, -math.inf):
            return
        if table not in self._every_s:
            indexed = await self._writer.index_versions(table)
            self._every_s[table] = EVERY_S if indexed else WITHOUT_INDEX_EVERY_S
        await self._writer.end_older(table)
        self._due_at[table] = self._clock.monotonic() + self._every_s[table]
