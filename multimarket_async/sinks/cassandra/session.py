"""A session with Cassandra in few verbs; each kind of trouble has its sentence."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import acsylla
from acsylla import errors as wrong

from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable, WrongSettings
from multimarket_async.settings import Settings

PORT = 9042
OPTIONS = {
    "connect_timeout": 5.0,
    "request_timeout": 60.0,
    "exponential_reconnect_max_delay_ms": 5000,
    "consistency": acsylla.Consistency.LOCAL_QUORUM,
    "serial_consistency": acsylla.Consistency.LOCAL_SERIAL,
    "log_level": "disabled",  # what it would print is in its errors
    "application_name": "multimarket",
}
ROWS_PER_PAGE, BATCH_CHARACTERS, BATCHES_IN_FLIGHT = 2000, 15_000, 8  # a batch of 50 kB is refused
EXPECTED = 'Expected the hosts of one cluster, with one port, such as ["10.0.0.1", "10.0.0.2"] or ["db.example:9042"]'
AWAY = (
    wrong.CassErrorLibNoHostsAvailable,
    wrong.CassErrorLibRequestTimedOut,
    wrong.CassErrorLibRequestQueueFull,
    wrong.CassErrorLibNoStreams,
    wrong.CassErrorLibWriteError,
    wrong.CassErrorLibUnableToConnect,
    wrong.CassErrorLibUnableToClose,
    wrong.CassErrorLibHostResolution,
    wrong.CassErrorServerUnavailable,
    wrong.CassErrorServerOverloaded,
    wrong.CassErrorServerIsBootstrapping,
    wrong.CassErrorServerReadTimeout,
    wrong.CassErrorServerReadFailure,
    wrong.CassErrorServerWriteTimeout,
    wrong.CassErrorServerWriteFailure,
    wrong.CassErrorServerTruncateError,
    wrong.CassErrorServerServerError,
)
RIGHTS = "It has to own the keyspace that cassandra_keyspace names, or may CREATE it."


class Write(NamedTuple):
    """A statement, and its values; of a column whose value is None nothing is written."""

    statement: str
    values: Sequence[Any]


class Session:
    """A session that is made when it is first used. The driver connects again by itself."""

    def __init__(self, settings: Settings) -> None:
        hosts, port = _hosts(settings.cassandra_hosts)
        self.place = ", ".join(f"{host}:{port}" for host in hosts)
        password = settings.cassandra_password.get_secret_value() if settings.cassandra_password else ""
        secret = {"username": settings.cassandra_user, "password": password} if settings.cassandra_user else {}
        self._options = {"contact_points": hosts, "port": port, **secret}
        self._lock = asyncio.Lock()
        self._cluster: Any = None
        self._opened: Any = None
        self._prepared: dict[str, Any] = {}

    async def fetch(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises Unavailable, CannotContinue, OperationFailed."""
        with translated(self.place):
            bound = await self._bound(Write(statement, values))
            bound.set_page_size(ROWS_PER_PAGE)
            result = await self._opened.execute(bound)
            rows = [row.as_tuple() for row in result]
            while result.has_more_pages():
                bound.set_page_state(result.page_state())
                result = await self._opened.execute(bound)
                rows += [row.as_tuple() for row in result]
            return rows

    async def write(self, statement: str, *values: Any) -> None:
        """Write a row. Raises as `fetch` does."""
        await self.fetch(statement, *values)

    async def define(self, statement: str) -> None:
        """Change the schema. Raises as `fetch` does."""
        with translated(self.place):
            await (await self._session()).execute(acsylla.create_statement(statement))
            self._prepared.clear()

    async def batch(self, writes: Iterable[Write]) -> None:
        """Write rows of one partition, in batches, each of which is atomic. Raises as `fetch` does."""
        with translated(self.place):
            flying: set[asyncio.Task[None]] = set()
            async with asyncio.TaskGroup() as group:
                for batch in _batches(writes):
                    flying.add(group.create_task(self._write(batch)))
                    if len(flying) == BATCHES_IN_FLIGHT:
                        _, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)

    async def aclose(self) -> None:
        """Close the session."""
        opened, self._opened = self._opened, None
        self._prepared.clear()
        if opened:
            with translated(self.place):
                await opened.close()
        self._leave()

    async def _write(self, writes: Sequence[Write]) -> None:
        batch = acsylla.create_batch_unlogged()
        for write in writes:
            batch.add_statement(await self._bound(write))
        await self._opened.execute_batch(batch)

    async def _bound(self, write: Write) -> Any:
        if write.statement not in self._prepared:
            self._prepared[write.statement] = await (await self._session()).create_prepared(write.statement)
        bound = self._prepared[write.statement].bind()
        for place, value in enumerate(write.values):
            if value is not None:
                bound.bind(place, value)
        return bound

    async def _session(self) -> Any:
        async with self._lock:
            if self._opened is None:
                self._cluster = acsylla.create_cluster(**self._options, **OPTIONS)
                try:
                    self._opened = await self._cluster.create_session()
                except BaseException:
                    self._leave()
                    raise
        return self._opened

    def _leave(self) -> None:
        """Close the sockets by which the driver wakes the event loop: it does not do so itself."""
        cluster, self._cluster = self._cluster, None
        if cluster:
            cluster.destroy()


def _batches(writes: Iterable[Write]) -> Iterator[list[Write]]:
    batch: list[Write] = []
    size = 0
    for write in writes:
        size += len(repr(write.values))
        if batch and size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], len(repr(write.values))
        batch.append(write)
    if batch:
        yield batch


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise our errors for those of the driver, with a sentence that names the place and no password."""
    try:
        yield
    except ExceptionGroup as group:  # of batches: the first one says it
        with translated(place):
            raise group.exceptions[0] from group
    except wrong.CassErrorServerBadCredentials as error:
        raise CannotContinue(f"Cassandra at {place} refuses cassandra_user: {_said(error)}.") from error
    except wrong.CassErrorServerUnauthorized as error:
        raise CannotContinue(f"Cassandra at {place} does not let this user do it: {_said(error)}. {RIGHTS}") from error
    except AWAY as error:
        raise Unavailable(f"Cassandra at {place} is not available: {_said(error)}") from error
    except wrong.CassException as error:
        raise OperationFailed(f"Cassandra at {place} cannot do it: {_said(error)}") from error


def _hosts(given: Sequence[str]) -> tuple[list[str], int]:
    """Host names, and the port that they have in common. Raises WrongSettings."""
    pairs = [host.rpartition(":") if host.count(":") == 1 else (host, "", str(PORT)) for host in given]
    ports = {port for _, _, port in pairs}
    if len(ports) != 1 or not all(host for host, _, _ in pairs) or not all(map(str.isdecimal, ports)):
        raise WrongSettings(f"cassandra_hosts = {list(given)}. {EXPECTED}.")
    return [host for host, _, _ in pairs], int(ports.pop())


def _said(error: Exception) -> str:
    """The first line, without the kind of error before it."""
    return str(error).strip().partition("\n")[0].rstrip(".")
