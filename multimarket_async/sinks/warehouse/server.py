"""The embedded PostgreSQL: a server of our own, supervised, with a user that writes and one that only reads."""

import asyncio
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path

import asyncpg

from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.sinks.warehouse import program
from multimarket_async.sinks.warehouse.connection import literal, quoted
from multimarket_async.supervised import Address, Folder, Passwords, PortTaken, Supervised, runs, tail

WRITER, READER, DATABASE = "multimarket", "bi", "multimarket"
READER_CONNECTIONS = 40  # of 60: the others are for the sink
LOST = "the passwords of the embedded PostgreSQL any more. Restore its copy, or set postgres_uri to one of your own."


class EmbeddedPostgres(Supervised):
    """The PostgreSQL of one folder. schema: the one that the read-only user may read.

    uri, reader_uri: set by `start`.
    """

    name, title, setting = "postgres", "PostgreSQL", "postgres_port"
    own, ways_out = "set postgres_uri to a PostgreSQL of your own.", program.WAYS_OUT
    not_yet = (Unavailable, OperationFailed, OSError)
    ends_by = (signal.SIGINT, signal.SIGQUIT)  # fast, then immediate
    uri: str
    reader_uri: str

    def __init__(self, folder: Path, *, port: int, schema: str) -> None:
        super().__init__(Folder(folder, "postgres.log", LOST), port)
        self._schema = schema
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Start the server, or share the running one, and watch it from now on; returns its URI."""
        port = (await self.run()).port
        self.uri = uri(WRITER, self._passwords.admin, port)
        self.reader_uri = uri(READER, self._passwords.reader, port)
        self._watching = asyncio.create_task(self.watch(), name="postgres")
        return self.uri

    async def aclose(self) -> None:
        """Watch it no more, and stop it if this process owns it."""
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self.stop()

    async def prepare(self) -> None:
        """Create its files, before the first start."""
        await program.create(self._folder.path, WRITER, self._passwords.admin)

    async def spawn(self, port: int) -> Process:
        """Start postgres."""
        return await program.spawn(self._folder.path, port)

    def runs(self, pid: int) -> bool:
        """Compare command lines."""
        return runs(pid, "postgres", "-D", self._folder.path / "db")

    def listens(self) -> bool:
        """By its log."""
        return program.listens(self._folder.path)

    async def set_up(self, port: int) -> None:
        """Create the database, the schema and the reader."""
        for database, statements in (("postgres", self._cluster()), (DATABASE, self._inside())):
            connection = await _connected(uri(WRITER, self._passwords.admin, port, database), self._folder.path)
            try:
                for statement in statements:
                    with suppress(asyncpg.DuplicateDatabaseError, asyncpg.DuplicateObjectError):
                        await connection.execute(statement)
            finally:
                await connection.close(timeout=1)

    def _cluster(self) -> list[str]:
        reader = f"{READER} PASSWORD {literal(self._passwords.reader)} LOGIN CONNECTION LIMIT {READER_CONNECTIONS}"
        return [
            f"CREATE ROLE {READER}",
            f"ALTER ROLE {reader}",
            f"ALTER ROLE {READER} SET default_transaction_read_only = on",
            f"ALTER ROLE {READER} SET search_path = {quoted(self._schema)}",
            f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'",
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {READER}",
            "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        ]

    def _inside(self) -> list[str]:
        schema = quoted(self._schema)
        return [
            f"CREATE SCHEMA IF NOT EXISTS {schema}",
            f"GRANT USAGE ON SCHEMA {schema} TO {READER}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {READER}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {READER}",
        ]

    async def answering(self, address: Address, passwords: Passwords) -> Address | None:
        """Ask the server of another process for its folder."""
        if not self.runs(address.pid):
            return None
        connection = await _connected(uri(WRITER, passwords.admin, address.port), self._folder.path)
        try:
            folder = await connection.fetchval("SHOW data_directory")
        finally:
            await connection.close(timeout=1)
        return address if folder == str(self._folder.path / "db") else None

    def reopen_log(self, _: Address) -> None:
        """Begin anew in the same file, to which it appends."""
        with suppress(OSError):
            (self._folder.log.with_name("postgres.log.1")).write_bytes(self._folder.log.read_bytes())
            with self._folder.log.open("r+b") as file:
                file.truncate()

    def why_not(self, port: int, exit_code: int | None) -> CannotContinue:
        """From its log and its exit code."""
        if "Address already in use" in tail(self._folder.log):
            return PortTaken(str(self.port_taken(port)))
        return self.cannot_start(program.why_not(self._folder.path, exit_code), str(program.find("postgres")))


def uri(user: str, password: str, port: int, database: str = DATABASE) -> str:
    """A connection string for the embedded server."""
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"


async def _connected(where: str, folder: Path) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(where, timeout=5, statement_cache_size=0)
    except asyncpg.InvalidPasswordError as error:
        raise CannotContinue(
            f"The PostgreSQL on {folder} does not accept the password in {folder / 'passwords.json'}. Restore the "
            "passwords.json that was made with this data, or set postgres_uri to a PostgreSQL of your own."
        ) from error
    except asyncpg.PostgresError as error:
        raise Unavailable(str(error)) from error
