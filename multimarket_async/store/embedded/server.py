"""The embedded MongoDB: a mongod of our own, supervised."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

import structlog
from pymongo.errors import PyMongoError

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.store.embedded import mongod, setup
from multimarket_async.supervised import Address, Folder, Passwords, Supervised

log = structlog.get_logger()

LOST = (
    "the passwords of the embedded MongoDB any more. Restore its copy, or give a MongoDB of your own with --mongo-uri."
)


class EmbeddedServer(Supervised):
    """The mongod of one folder.

    folder: holds all its files, private to the user.
    database: the one that the read-only user may read.
    shown: what of it that user may read, beside what an earlier start had shown; None: all of it.
    port: 0 is the port of the last start, or any free one.
    cache_gb: memory for its cache, GiB.
    parameters: more options for --setParameter, as name=value.

    uri, reader_uri: set by `start`; the second one is the read-only user's, for BI tools.
    """

    name, title, setting = "mongod", "MongoDB", "mongo_port"
    own, ways_out = "give a MongoDB of your own with --mongo-uri.", mongod.WAYS_OUT
    not_yet = (Unavailable, PyMongoError, OSError)
    ends_by = (signal.SIGTERM,)
    uri: str
    reader_uri: str

    def __init__(
        self,
        folder: Path,
        *,
        database: str,
        port: int,
        cache_gb: float,
        parameters: Sequence[str] = (),
        shown: Sequence[str] | None = None,
    ) -> None:
        super().__init__(Folder(folder, "mongod.log", LOST), port)
        self._database = database
        self._readable = setup.Readable(database, None if shown is None else frozenset(shown))
        self._cache_gb = cache_gb
        self._parameters = parameters

    async def start(self) -> str:
        """Start the server, or share the running one; returns its URI. Raises CannotContinue."""
        port = (await self.run()).port
        self.uri = setup.uri(setup.ADMIN, self._passwords.admin, port)
        self.reader_uri = setup.uri(setup.READER, self._passwords.reader, port, self._database)
        return self.uri

    async def prepare(self) -> None:
        """Create its key file, and look for the program."""
        mongod.create_files(self._folder.path)
        await asyncio.to_thread(mongod.check_binary, mongod.find_mongod())

    async def spawn(self, port: int) -> Process:
        """Start mongod."""
        binary = mongod.find_mongod()
        return await mongod.spawn(
            binary, self._folder.path, port=port, cache_gb=self._cache_gb, parameters=self._parameters
        )

    def runs(self, pid: int) -> bool:
        """Compare command lines."""
        return mongod.runs_on(pid, self._folder.path)

    def listens(self) -> bool:
        """By its log."""
        return mongod.listens(self._folder.path)

    async def set_up(self, port: int) -> None:
        """Make the node primary, and create both users."""
        others = await asyncio.to_thread(setup.set_up, port, self._passwords, self._readable, self._folder.path)
        if others:
            log.warning("mongod.users_found", users=others, folder=str(self._folder.path))

    async def answering(self, address: Address, passwords: Passwords) -> Address | None:
        """Ask the server of another process."""
        return await asyncio.to_thread(setup.answering, address.port, passwords, self._readable, self._folder.path)

    def reopen_log(self, address: Address) -> None:
        """Keep one older log."""
        self._folder.rotate_log()
        self._signal(address, signal.SIGUSR1)

    def why_not(self, port: int, exit_code: int | None) -> CannotContinue:
        """From its output, its log and its exit code."""
        return mongod.why_not(mongod.find_mongod(), self._folder.path, port=port, exit_code=exit_code)
