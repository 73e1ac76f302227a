"""The tables of a keyspace, as CQL, and which of them there are, with which columns."""

import re
from collections.abc import Mapping, Sequence

from multimarket_async.domains import digest
from multimarket_async.sinks.cassandra.session import Session

FORMAT = 1  # of all tables; those of another format are made anew
LONGEST = 48  # Cassandra takes 48 characters of a name
MOST_COPIES = 3
HELD = "held"
ENGINE = {
    HELD: """id text PRIMARY KEY, ledger text, generation bigint, computed_at timestamp, as_of timestamp,
        versions frozen<map<text, text>>, digests frozen<map<text, text>>""",
    "held_tables": "name text PRIMARY KEY, declared text",
    "held_versions": "kpi text, generation bigint, version text, PRIMARY KEY (kpi, generation, version)",
    "held_partitions": "name text, partition text, version bigint, PRIMARY KEY (name, partition)",
}


def named(name: str) -> str:
    """The name of a table; one that Cassandra would refuse is changed or cut, but stays a name of its own."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return plain if (plain, len(plain) <= LONGEST) == (name, True) else f"{plain[: LONGEST - 13]}_{digest(name)}"


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


class Tables:
    """The tables of this keyspace that were made by us.

    One is declared before it is made, and another process may do the same meanwhile: only one that is there, and is
    declared otherwise, is removed. So one that is declared and not there is lost, or a writer was killed.
    """

    def __init__(self, session: Session, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._declared: dict[str, str] = {}
        self._there: set[str] = set()

    def of(self, name: str) -> str:
        """A table, as statements name it."""
        return f"{self._keyspace}.{quoted(name)}"

    async def exist(self) -> bool:
        """Return True if there is a keyspace of ours, after a look at what it has."""
        query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
        self._there = {name for (name,) in await self._session.fetch(query, self._keyspace)}
        if HELD not in self._there:
            return False
        self._declared = dict(await self._session.fetch(f"SELECT name, declared FROM {self.of('held_tables')}"))
        return True

    @property
    def are_whole(self) -> bool:
        """True if all that were declared are there."""
        return self._declared.keys() <= self._there

    def has(self, name: str) -> bool:
        """Return True if this table is there."""
        return name in self._there

    async def prepare(self) -> None:
        """Make the keyspace where there is none, and our own tables; find which others there are."""
        if not await self.exist():
            await self._make_keyspace()
            for name, columns in [*ENGINE.items()][::-1]:  # `held` in the end: it says that all are there
                await self._session.define(f"CREATE TABLE IF NOT EXISTS {self.of(name)} ({columns})")
            await self.exist()

    async def _make_keyspace(self) -> None:
        """As many copies as there are nodes, up to three; one that you made yourself stays as it is."""
        query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
        if await self._session.fetch(query, self._keyspace):
            return
        copies = min(MOST_COPIES, 1 + len(await self._session.fetch("SELECT peer FROM system.peers")))
        replication = f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}"
        await self._session.define(f"CREATE KEYSPACE IF NOT EXISTS {self._keyspace} WITH replication = {replication}")

    async def make(self, name: str, columns: Mapping[str, str], key: str, mark: str = "", index: str = "") -> bool:
        """Make a table where it is not there like this; False if it is. mark: of what else it depends on."""
        typed = ", ".join(f"{quoted(column)} {type_}" for column, type_ in columns.items())
        declared = f"{digest([FORMAT, typed, key, index])} {mark}"
        if self._is(name, declared) or (await self.exist() and self._is(name, declared)):
            return False
        if name in self._there:
            await self.remove([name])
        await self._session.write(f"DELETE FROM {self.of('held_partitions')} WHERE name = ?", name)
        await self._session.write(
            f"INSERT INTO {self.of('held_tables')} (name, declared) VALUES (?, ?)", name, declared
        )
        await self._session.define(f"CREATE TABLE IF NOT EXISTS {self.of(name)} ({typed}, PRIMARY KEY ({key}))")
        if index:
            await self._session.define(f"CREATE INDEX IF NOT EXISTS ON {self.of(name)} ({quoted(index)})")
        return True

    def _is(self, name: str, declared: str) -> bool:
        return name in self._there and self._declared.get(name) == declared

    async def remove(self, names: Sequence[str]) -> None:
        """Drop tables, and what is noted of them."""
        for name in names:
            for noted, column in (("held_tables", "name"), ("held_versions", "kpi"), ("held_partitions", "name")):
                await self._session.write(f"DELETE FROM {self.of(noted)} WHERE {column} = ?", name)
            await self._session.define(f"DROP TABLE IF EXISTS {self.of(name)}")
            self._declared.pop(name, None)
            self._there.discard(name)

    async def remove_all(self) -> None:
        """Drop all tables of ours; `held` says in the end that nothing is held."""
        await self.remove([*self._declared])
        await self._session.write(f"DELETE FROM {self.of(HELD)} WHERE id = ? IF EXISTS", HELD)
