"""Set up a started mongod: a replica set of one node, and two users. Every step is idempotent.

Blocking, to run in a thread: the driver's asynchronous client leaks sockets when a start is cancelled.
"""

import socket
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.store.embedded.folder import Address, Passwords

ADMIN, READER = "multimarket", "bi"

_CONNECT_MS, _ANSWER_MS = 1000, 5000
_UNAUTHORIZED, _AUTHENTICATION_FAILED, _ALREADY_INITIALIZED = 13, 18, 23

Client = pymongo.MongoClient[dict[str, Any]]


class WrongPassword(CannotContinue):
    """Stop: the server on this folder does not accept the stored password."""


def uri(user: str, password: str, port: int, database: str = "") -> str:
    """Build a connection string for the embedded server."""
    return f"mongodb://{user}:{password}@127.0.0.1:{port}/{database}?authSource=admin&directConnection=true"


def set_up(port: int, passwords: Passwords, database: str, folder: Path) -> None:
    """Make the node primary and create the users.

    Raises Unavailable, OSError or an error of the driver where it has to be tried again, WrongPassword otherwise.
    """
    _connect(port)
    with _client(uri(ADMIN, passwords.admin, port)) as admin:
        if _authenticates(admin):
            _elect(admin, port)
            _create_reader(admin, passwords.reader, database)
            return
    _create_admin(port, passwords.admin, folder)
    raise Unavailable("the user was created; only a new client can log in")


def answering(port: int, passwords: Passwords, folder: Path) -> Address | None:
    """Return the address of the server on this port if it is ready and works on this folder. Raises as set_up does."""
    _connect(port)
    with _client(uri(ADMIN, passwords.admin, port)) as admin:
        if not _authenticates(admin):
            raise _wrong_password(folder)
        options = (admin.admin.command("getCmdLineOpts"))["parsed"]
        ready = (admin.admin.command("hello"))["isWritablePrimary"]
        pid = int((admin.admin.command("serverStatus"))["pid"])
    return Address(pid, port) if ready and options["storage"]["dbPath"] == str(folder / "db") else None


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


def _create_admin(port: int, password: str, folder: Path) -> None:
    """Create the first user through the localhost exception, which holds while there is no user."""
    with _client(f"mongodb://127.0.0.1:{port}/?directConnection=true") as anonymous:
        try:
            _elect(anonymous, port)
            anonymous.admin.command("createUser", ADMIN, pwd=password, roles=["root"])
        except OperationFailure as failure:
            if failure.code == _UNAUTHORIZED:
                raise _wrong_password(folder) from None
            raise


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


def _create_reader(admin: Client, password: str, database: str) -> None:
    roles = [{"role": "read", "db": database}]
    users = (admin.admin.command("usersInfo", READER))["users"]
    if not users:
        admin.admin.command("createUser", READER, pwd=password, roles=roles)
    elif users[0]["roles"] != roles:
        admin.admin.command("updateUser", READER, pwd=password, roles=roles)
