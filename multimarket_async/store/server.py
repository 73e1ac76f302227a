"""A MongoDB server, as the checks before a start ask about it: nothing is changed."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from multimarket_async.errors import OperationFailed
from multimarket_async.store.mongo import Store

ACTIONS = (
    *("find", "insert", "update", "remove"),
    *("createCollection", "createIndex", "collMod", "dropCollection", "listCollections", "listIndexes"),
)


def role(database: str) -> dict[str, Any]:
    """The command that creates a role with all rights that MultiMarket uses, and no others."""
    privileges = [{"resource": {"db": database, "collection": ""}, "actions": list(ACTIONS)}]
    return {"createRole": "multimarket", "privileges": privileges, "roles": []}


class Server:
    """The server behind a store, and the rights of its user in the store's database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.database = store.name

    async def version(self) -> str:
        """Major, minor and patch number."""
        return str((await self._store.ask("buildInfo"))["version"])

    async def now(self) -> datetime:
        """The time by the server's clock."""
        now: datetime = (await self._store.ask("hello"))["localTime"]
        return now.replace(tzinfo=UTC)  # commands are decoded without the options of the client

    async def has_user(self) -> bool:
        """True if somebody is logged in."""
        return bool((await self._status())["authenticatedUsers"])

    async def lets_everybody_in(self) -> bool:
        """True if nobody has to log in."""
        with suppress(OperationFailed):
            await self._store.describe("")
            return True
        return False

    async def missing_rights(self, collections: Iterable[str]) -> list[str]:
        """The actions that the user may not do on each of these collections."""
        privileges = (await self._status())["authenticatedUserPrivileges"]
        return [
            action
            for action in ACTIONS
            if not all(_allows(privileges, action, self.database, name) for name in collections)
        ]

    async def write_nothing_durably(self, collection: str) -> None:
        """A change of no document, acknowledged as those of documents are. Raises OperationFailed."""
        await self._store.update(collection, [({"_id": ""}, {"$set": {"checked": True}})], insert=False)

    async def same_name_but_for_case(self) -> str | None:
        """Another database, whose name differs in case only."""
        with suppress(OperationFailed):
            found = (await self._store.ask("listDatabases", database="admin", nameOnly=True))["databases"]
            names = (str(database["name"]) for database in found)
            return next(
                (name for name in names if name != self.database and name.lower() == self.database.lower()), None
            )
        return None

    async def _status(self) -> Mapping[str, Any]:
        answer = await self._store.ask("connectionStatus", showPrivileges=True)
        status: Mapping[str, Any] = answer["authInfo"]
        return status


def _allows(privileges: Sequence[Mapping[str, Any]], action: str, database: str, collection: str) -> bool:
    return any(
        action in privilege["actions"] and _covers(privilege["resource"], database, collection)
        for privilege in privileges
    )


def _covers(resource: Mapping[str, Any], database: str, collection: str) -> bool:
    here = resource.get("db") in ("", database) and resource.get("collection") in ("", collection)
    return bool(resource.get("anyResource") or here)
