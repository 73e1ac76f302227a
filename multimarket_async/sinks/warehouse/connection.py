"""One connection to PostgreSQL in few verbs; each kind of trouble has its sentence."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from asyncpg import exceptions as wrong

from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable, WrongSettings

CONNECT_S, ANSWER_S, CLOSE_S = 5.0, 600.0, 2.0
FORM = "postgresql://user:password@host:port/database, with : / ? # [ ] @ in a password written as %3A and so on"
SESSION = {"application_name": "multimarket", "timezone": "UTC", "lock_timeout": "10s"}
AWAY = (
    OSError,
    TimeoutError,
    wrong.PostgresConnectionError,
    wrong.OperatorInterventionError,
    wrong.InsufficientResourcesError,
    wrong.LockNotAvailableError,
    wrong.TransactionRollbackError,
    wrong.InterfaceError,
)


class Postgres:
    """A connection that is made when it is first used, and again after it has broken. One task at a time may use it.

    uri: with the password; it is in no error. path: the schemas in which names are looked up.
    """

    def __init__(self, uri: str, path: Sequence[str] = ()) -> None:
        self._uri = uri
        self._path = path
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self.place = _place(uri)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Statements that happen together or not at all. Raises Unavailable, CannotContinue, OperationFailed."""
        async with self._lock:
            with translated(self.place):
                connection = await self._connected()
                async with connection.transaction():
                    yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a query. Raises as `transaction` does."""
        async with self._lock:
            with translated(self.place):
                return list(await (await self._connected()).fetch(query, *arguments))

    async def aclose(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection:
            with suppress(*AWAY, wrong.PostgresError):
                await connection.close(timeout=CLOSE_S)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            session = {**SESSION, **({"search_path": ", ".join(map(quoted, self._path))} if self._path else {})}
            self._connection = await asyncpg.connect(
                self._uri,
                timeout=CONNECT_S,
                command_timeout=ANSWER_S,
                statement_cache_size=0,  # definitions change, and a pooler may be in between
                server_settings=session,
            )
        return self._connection


async def copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], records: AsyncIterable[Sequence[Any]]
) -> None:
    """Add records to a table, streamed."""
    await connection.copy_records_to_table(table, records=records, columns=columns)


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise our errors for those of the driver, with a sentence that names the place and no password."""
    try:
        yield
    except (wrong.ClientConfigurationError, ssl.SSLError) as error:
        raise WrongSettings(f"postgres_uri cannot be used: {_said(error)}. Expected {FORM}.") from error
    except (wrong.InvalidAuthorizationSpecificationError, wrong.InvalidCatalogNameError) as error:
        raise CannotContinue(f"PostgreSQL at {place} refuses postgres_uri: {_said(error)}.") from error
    except wrong.InsufficientPrivilegeError as error:
        raise CannotContinue(f"PostgreSQL at {place} does not let this user do it: {_said(error)}. {RIGHTS}") from error
    except wrong.DiskFullError as error:
        raise Unavailable(f"The disk of PostgreSQL at {place} is full: {_said(error)}") from error
    except AWAY as error:
        raise Unavailable(f"PostgreSQL at {place} is not available: {_said(error)}") from error
    except (wrong.PostgresError, wrong.InternalClientError) as error:
        raise OperationFailed(f"PostgreSQL at {place} cannot do it: {_said(error)}") from error
    except ValueError as error:  # of the URI itself: the driver's own words may quote it
        raise WrongSettings(f"postgres_uri is not a PostgreSQL URI. Expected {FORM}.") from error


RIGHTS = "It has to own the schema that postgres_schema names, or may CREATE on the database, and TEMPORARY."


def _place(uri: str) -> str:
    """Host, port and database, without user and password."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "localhost", parts.port or 5432
    except ValueError:
        return "postgres_uri"
    return f"{host}:{port}{parts.path}"


def _said(error: Exception) -> str:
    """The first line; of an error without words its kind."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own words name the place again
    return (str(error).strip().partition("\n")[0] or type(error).__name__).rstrip(".")
