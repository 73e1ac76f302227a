"""Set up a started mongod: a replica set of one node, and two users. Every step is idempotent.

They are made as `__system`, the user that members of a replica set are to each other: all who can read the key file.
Until then the server accepts nobody else.

Blocking, to run in a thread: the driver's asynchronous client leaks sockets when a start is cancelled.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.supervised import Address, Passwords

ADMIN, READER, SYSTEM = "multimarket", "bi", "__system"
READER_ROLE = "multimarket_views"

_CONNECT_MS, _ANSWER_MS = 1000, 5000
_AUTHENTICATION_FAILED, _ALREADY_INITIALIZED = 18, 23

Client = pymongo.MongoClient[dict[str, Any]]


class WrongPassword(CannotContinue):
    """Stop: the server on this folder does not accept the stored password."""


def uri(user: str, password: str, port: int, database: str = "", source: str = "admin") -> str:
    """Build a connection string for the embedded server."""
    return f"mongodb://{user}:{password}@127.0.0.1:{port}/{database}?authSource={source}&directConnection=true"


@dataclass(frozen=True)
class Readable:
    """The part of a database that the reader may read. names: of views and collections; None: all of them."""

    database: str
    names: frozenset[str] | None = None


def set_up(port: int, passwords: Passwords, readable: Readable, folder: Path) -> list[str]:
    """Make the node primary and create the users; the names of others, whom somebody else has made.

    Raises Unavailable, OSError or an error of the driver where it has to be tried again, WrongPassword otherwise.
    """
    _connect(port)
    key = (folder / "keyfile").read_text("ascii")
    with _client(uri(SYSTEM, key, port, source="local")) as system:
        _elect(system, port)
        users = {user["user"]: user for user in system.admin.command("usersInfo", {"forAllDBs": True})["users"]}
        _create(system, users.get(ADMIN), ADMIN, passwords.admin, ["root"])
        _create(system, users.get(READER), READER, passwords.reader, [_reader_role(system, readable)])
    with _client(uri(ADMIN, passwords.admin, port)) as admin:
        if not _authenticates(admin):
            raise _wrong_password(folder)
    return sorted(users.keys() - {ADMIN, READER})


def answering(port: int, passwords: Passwords, readable: Readable, folder: Path) -> Address | None:
    """Return the address of the server on this port if it is ready and works on this folder. Raises as set_up does."""
    _connect(port)
    with _client(uri(ADMIN, passwords.admin, port)) as admin:
        if not _authenticates(admin):
            raise _wrong_password(folder)
        options = (admin.admin.command("getCmdLineOpts"))["parsed"]
        ready = (admin.admin.command("hello"))["isWritablePrimary"]
        pid = int((admin.admin.command("serverStatus"))["pid"])
        if ready:
            _reader_role(admin, readable)
    return Address(pid, port) if ready and options["storage"]["dbPath"] == str(folder / "db") else None


def _reader_role(client: Client, readable: Readable) -> dict[str, str]:
    """The role of the reader, which shows what earlier starts showed, too: other domains may be off just now."""
    database = client[readable.database]
    if readable.names is None:
        return {"role": "read", "db": database.name}
    [*found] = database.command("rolesInfo", READER_ROLE, showPrivileges=True)["roles"]
    before = {privilege["resource"]["collection"] for role in found for privilege in role["privileges"]} - {""}
    if not found or not readable.names <= before:
        names = sorted(before | readable.names)
        finding = [{"resource": {"db": database.name, "collection": name}, "actions": ["find"]} for name in names]
        listing = {"resource": {"db": database.name, "collection": ""}, "actions": ["listCollections"]}
        database.command("updateRole" if found else "createRole", READER_ROLE, privileges=[listing, *finding], roles=[])
    return {"role": READER_ROLE, "db": database.name}


def _wrong_password(folder: Path) -> WrongPassword:
    return WrongPassword(
        f"The MongoDB on {folder} does not accept the password in {folder / 'passwords.json'}. "
        "Restore the passwords.json that was made with this data, or give a MongoDB of your own with --mongo-uri."
    )


def _client(where: str) -> Client:
    return pymongo.MongoClient(
        where, serverSelectionTimeoutMS=_CONNECT_MS, connectTimeoutMS=_CONNECT_MS, socketTimeoutMS=_ANSWER_MS
    )


def _connect(port: int) -> None:
    """Fail fast: a refused driver waits half a second before it tries again, a refused socket fails immediately."""
    socket.create_connection(("127.0.0.1", port), _CONNECT_MS / 1000).close()


def _authenticates(admin: Client) -> bool:
    try:
        admin.admin.command("ping")
    except OperationFailure as failure:
        if failure.code == _AUTHENTICATION_FAILED:
            return False
        raise
    return True


def _elect(client: Client, port: int) -> None:
    """Make the only member primary, also on another port than the one it was configured with."""
    hello = client.admin.command("hello")
    if hello["isWritablePrimary"]:
        return
    if "setName" not in hello:
        _configure(client, port)
    raise Unavailable("the election is not over")


def _configure(client: Client, port: int) -> None:
    config = {"_id": "rs0", "version": 1, "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]}
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as failure:
        if failure.code != _ALREADY_INITIALIZED:
            raise
        client.admin.command("replSetReconfig", config, force=True)


def _create(system: Client, user: dict[str, Any] | None, name: str, password: str, roles: list[Any]) -> None:
    """Create a user, or correct the roles of an existing one."""
    held = [role if role["db"] != "admin" else role["role"] for role in (user or {}).get("roles", ())]
    if user is None:
        system.admin.command("createUser", name, pwd=password, roles=roles)
    elif held != roles:
        system.admin.command("updateUser", name, pwd=password, roles=roles)
