"""Tables of KPIs: each version of a KPI's rows is a partition, in the order of the rows."""

from collections.abc import AsyncIterator
from typing import Any

from multimarket_async.domains import Kpi, digest
from multimarket_async.sinks.cassandra.session import Session, Write
from multimarket_async.sinks.cassandra.tables import Tables, named, quoted
from multimarket_async.sinks.columns import Cell, cells, differences
from multimarket_async.sinks.sink import Generation

VERSION, POSITION = "kpi_version", "kpi_position"
TYPES = {"double precision": "double", "timestamptz": "timestamp"}  # those that have other names


def table_of(kpi: Kpi) -> str:
    """The name of its table."""
    return named(f"kpi_{kpi.name}")


class Kpis:
    """The tables of all KPIs. A version is noted before its rows: a writer that is killed leaves none unnoted."""

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session = session
        self._tables = tables

    async def write(self, kpi: Kpi, generation: Generation) -> str:
        """Write the rows of a KPI; their version, which is always the same one of this generation."""
        name, columns = table_of(kpi), {VERSION: "text", POSITION: "int"}
        columns |= {cell.name: _type(cell) for cell in cells(kpi)}
        await self._tables.make(name, columns, f"{VERSION}, {POSITION}")
        number, version = (
            generation.place.generation,
            f"{generation.place.generation}-{digest(generation.place.ledger)}",
        )
        insert = f"INSERT INTO {self._tables.of('held_versions')} (kpi, generation, version) VALUES (?, ?, ?)"
        await self._session.write(insert, name, number, version)
        listed, values = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
        insert = f"INSERT INTO {self._tables.of(name)} ({listed}) VALUES ({values})"
        async for rows in _numbered(kpi, generation):
            await self._session.batch(Write(insert, (version, *row)) for row in rows)
        return version

    async def differences(self, kpi: Kpi, generation: Generation, version: str) -> list[str]:
        """A sentence for each row that this version has, and the generation has not, or the other way round."""
        columns = ", ".join(quoted(cell.name) for cell in cells(kpi))
        query = f"SELECT {columns} FROM {self._tables.of(table_of(kpi))} WHERE {VERSION} = ?"
        expected = [row async for rows in generation.chunks(kpi) for row in rows]
        return list(differences(kpi, expected, await self._session.fetch(query, version) if version else []))

    async def prune(self, name: str, number: int, kept: tuple[str, ...]) -> None:
        """Delete the rows of all other versions up to this generation."""
        query = f"SELECT generation, version FROM {self._tables.of('held_versions')} WHERE kpi = ?"
        for generation, version in await self._session.fetch(query, name):
            if version not in kept and generation <= number:
                await self._session.write(f"DELETE FROM {self._tables.of(name)} WHERE {VERSION} = ?", version)
                noted = (
                    f"DELETE FROM {self._tables.of('held_versions')} WHERE kpi = ? AND generation = ? AND version = ?"
                )
                await self._session.write(noted, name, generation, version)


def _type(cell: Cell) -> str:
    """The type of a column; that of every exact amount is `decimal`."""
    return "decimal" if cell.type.startswith("numeric") else TYPES.get(cell.type, cell.type)


async def _numbered(kpi: Kpi, generation: Generation) -> AsyncIterator[list[tuple[Any, ...]]]:
    """The values of its rows, each after its position."""
    columns, position = cells(kpi), 0
    async for rows in generation.chunks(kpi):
        yield [(number, *(cell.value(row) for cell in columns)) for number, row in enumerate(rows, position)]
        position += len(rows)
