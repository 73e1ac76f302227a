"""The keyspace: versions of KPIs that are written first, and a row that says then which of them are a generation."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from multimarket_async.document_tables import tables_of
from multimarket_async.errors import Unavailable
from multimarket_async.sinks.cassandra.documents import Documents
from multimarket_async.sinks.cassandra.kpis import Kpis, table_of
from multimarket_async.sinks.cassandra.session import Session
from multimarket_async.sinks.cassandra.tables import FORMAT, HELD, Tables
from multimarket_async.sinks.sink import Generation, Held, Source


class Noted(NamedTuple):
    """The generation that is held. versions, digests: of the rows of each KPI, by its table."""

    place: Held
    versions: dict[str, str]
    digests: dict[str, str]


class Keyspace:
    """The tables of a keyspace. Any number of processes may write to it: the newest generation stays."""

    def __init__(self, source: Source, session: Session) -> None:
        self._session = session
        self._tables = Tables(session, source.settings.cassandra_keyspace)
        self._kpis = Kpis(session, self._tables)
        facts = [(facts, domain.timezone) for domain in source.domains for facts in tables_of(domain)]
        self._documents = [Documents(table, zone, source, session, self._tables) for table, zone in facts]

    async def held(self) -> Held | None:
        """The generation that it holds; None where a table of it is gone."""
        noted = await self._noted() if await self._tables.exist() and self._tables.are_whole else None
        return noted and noted.place

    async def write(self, generation: Generation) -> None:
        """Write what has changed; of another ledger nothing stays, as it may show a person who was erased."""
        await self._tables.prepare()
        before, whole = await self._noted(), self._tables.are_whole
        if before and before.place.ledger != generation.place.ledger:
            await self._tables.remove_all()
            before = None
        if before is None or before.place.generation < generation.place.generation + (not whole):
            for table in self._documents:
                await table.write()
            noted = await self._written(generation, before)
            await self._note(generation, noted, before)
            await self._prune(noted, before.versions if before else {})

    async def compare(self, generation: Generation) -> AsyncIterator[str]:
        """A sentence for each row and each document that differs."""
        noted = await self._noted()
        versions = noted.versions if noted else {}
        for kpi in generation.kpis:
            for sentence in await self._kpis.differences(kpi, generation, versions.get(table_of(kpi), "")):
                yield sentence
        for table in self._documents:
            for sentence in await table.differences():
                yield sentence

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.aclose()

    async def _noted(self) -> Noted | None:
        query = f"SELECT ledger, generation, versions, digests FROM {self._tables.of(HELD)} WHERE id = ?"
        for ledger, generation, versions, digests in await self._session.fetch(query, HELD):
            return Noted(Held(ledger.removeprefix(f"{FORMAT} "), generation), versions, digests)
        return None

    async def _written(self, generation: Generation, before: Noted | None) -> Noted:
        """Write the KPIs that have other rows than before."""
        noted = Noted(generation.place, {}, {})
        for kpi in generation.kpis:
            name, digest = table_of(kpi), f"{kpi.digest} {await generation.digest(kpi)}"
            same = before is not None and before.digests.get(name) == digest and self._tables.has(name)
            noted.versions[name] = before.versions[name] if before and same else await self._kpis.write(kpi, generation)
            noted.digests[name] = digest
        return noted

    async def _note(self, generation: Generation, noted: Noted, before: Noted | None) -> None:
        """Compare and swap the row that readers begin with. Raises Unavailable where another process was faster."""
        place, document = noted.place, generation.document
        ledger = f"{FORMAT} {place.ledger}"
        row = (ledger, place.generation, document["computed_at"], document["as_of"], noted.versions, noted.digests)
        if not await (self._insert(row) if before is None else self._update(row, before.place)):
            after = await self._noted()
            if after is None or after.place.ledger != place.ledger or after.place.generation < place.generation:
                raise Unavailable(f"Another process writes to Cassandra at {self._session.place}; it is tried again.")

    async def _insert(self, row: tuple[Any, ...]) -> bool:
        columns = "id, ledger, generation, computed_at, as_of, versions, digests"
        insert = f"INSERT INTO {self._tables.of(HELD)} ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
        return bool((await self._session.fetch(insert, HELD, *row))[0][0])

    async def _update(self, row: tuple[Any, ...], before: Held) -> bool:
        changes = "ledger = ?, generation = ?, computed_at = ?, as_of = ?, versions = ?, digests = ?"
        update = f"UPDATE {self._tables.of(HELD)} SET {changes} WHERE id = ? IF ledger = ? AND generation = ?"
        applied = await self._session.fetch(update, *row, HELD, f"{FORMAT} {before.ledger}", before.generation)
        return bool(applied[0][0])

    async def _prune(self, noted: Noted, before: Mapping[str, str]) -> None:
        """Delete versions that nobody reads any more: all but these and those before, which readers may be reading."""
        await self._tables.remove(sorted(before.keys() - noted.versions.keys()))
        for name, version in noted.versions.items():
            if before.get(name) != version:
                await self._kpis.prune(name, noted.place.generation, (version, before.get(name, "")))
