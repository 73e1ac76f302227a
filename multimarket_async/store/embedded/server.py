"""A real mongod as a child process: started or shared, restarted if it dies, never left behind."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import structlog
from pymongo.errors import PyMongoError

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.store.embedded import mongod, ports, setup
from multimarket_async.store.embedded.folder import Address, Folder, Passwords

log = structlog.get_logger()

_POLL_S = 0.02
_WATCH_EVERY_S = 0.1
_READY_WITHIN_S = 60.0  # a long journal is replayed before mongod listens
_SHARE_WITHIN_S = 15.0
_STOP_WITHIN_S = 5.0
_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 10.0
_TRIES = 5

_NOT_YET = (Unavailable, PyMongoError, OSError)


class EmbeddedServer:
    """The mongod of one folder: owned by one living process, shared by others.

    folder: holds all its files, private to the user.
    database: the one that the read-only user may read.
    port: 0 is the port of the last start, or any free one.
    cache_gb: memory for its cache, GiB.
    parameters: more options for --setParameter, as name=value.

    uri, reader_uri: set by `start`; the second one is the read-only user's, for BI tools.
    """

    uri: str
    reader_uri: str
    _passwords: Passwords

    def __init__(
        self, folder: Path, *, database: str, port: int, cache_gb: float, parameters: Sequence[str] = ()
    ) -> None:
        self._folder = Folder(folder)
        self._database = database
        self._port = port
        self._cache_gb = cache_gb
        self._parameters = parameters
        self._address: Address | None = None
        self._child: Process | None = None
        self._stopping = False

    @property
    def owned(self) -> bool:
        """True if this process starts, restarts and stops the server."""
        return self._folder.locked

    async def start(self) -> str:
        """Start the server, or share the running one; returns its URI. Raises CannotContinue."""
        began, self._stopping = _now(), False
        try:
            self._folder.make()
            self._address = await self._own_or_share()
        except OSError as error:
            raise mongod.cannot_start(
                f"{self._folder.path} cannot be used: {error.strerror or error}.", "to keep its files there"
            ) from error
        port = self._address.port
        self.uri = setup.uri(setup.ADMIN, self._passwords.admin, port)
        self.reader_uri = setup.uri(setup.READER, self._passwords.reader, port, self._database)
        log.info("mongod.started", **asdict(self._address), seconds=_since(began), owned=self.owned)
        return self.uri

    async def watch(self) -> None:
        """Restart the server when it dies, take it over when its owner dies; runs until cancelled, after `start`."""
        pause_s = _WATCH_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._supervise()
                pause_s = _WATCH_EVERY_S
            except (CannotContinue, OSError) as error:
                pause_s = min(max(2 * pause_s, _RETRY_MIN_S), _RETRY_MAX_S)
                log.error("mongod.restart_failed", reason=str(error), retry_s=pause_s)  # noqa: TRY400 - expected, so without a traceback

    async def stop(self) -> None:
        """Stop the server if this process owns it."""
        began, self._stopping = _now(), True
        if not self.owned:
            return
        if self._address and await self._end(self._address):
            log.info("mongod.stopped", **asdict(self._address), seconds=_since(began))
        self._address = None  # a server stopped on purpose is not restarted by `watch`
        self._folder.unlock()

    def kill_now(self) -> None:
        """Signal the server to end if this process owns it, without waiting."""
        self._stopping = True
        if self.owned and self._address:
            self._signal(self._address, signal.SIGTERM)

    async def _own_or_share(self) -> Address:
        """Launch the server as the one process that gets the lock, or wait for the server of that process."""
        deadline, reason = _now() + _SHARE_WITHIN_S, "it has not recorded its address"
        while not self._folder.lock():
            try:
                if shared := await self._shared():
                    return shared
            except (*_NOT_YET, CannotContinue) as error:
                reason = str(error)
            if _now() > deadline:
                raise self._owner_is_silent(reason)
            await asyncio.sleep(_POLL_S)
        return await self._own()

    async def _shared(self) -> Address | None:
        recorded, passwords = self._folder.address(), self._folder.passwords()
        if recorded is None or passwords is None:
            return None
        self._passwords = passwords
        return await asyncio.to_thread(setup.answering, recorded.port, passwords, self._folder.path)

    async def _own(self) -> Address:
        if self._address and self._lives(self._address):  # started before
            return self._address
        try:
            await self._prepare()
            return await self._launch_on_free_port()
        except BaseException:
            self._folder.unlock()
            raise

    async def _prepare(self) -> None:
        """End the mongod of an owner that was killed: it may be ending already, and answer until it is gone."""
        self._passwords = self._folder.prepare()
        if orphan := self._folder.address():
            await self._end(orphan)

    async def _launch_on_free_port(self) -> Address:
        if self._port:
            return await self._launch(self._port)
        last = self._folder.address()
        for _ in range(_TRIES):
            with suppress(mongod.PortTaken):  # by another program, between our check and mongod's bind
                return await self._launch(ports.free_port(last.port if last else None))
        raise mongod.cannot_start(f"{_TRIES} free ports in a row were taken by other programs.", "127.0.0.1")

    async def _launch(self, port: int) -> Address:
        if ports.is_taken(port):
            raise mongod.port_taken(port)
        binary = mongod.find_mongod()
        self._folder.rotate_log()
        self._child = child = await mongod.spawn(
            binary, self._folder.path, port=port, cache_gb=self._cache_gb, parameters=self._parameters
        )
        self._address = Address(child.pid, port)
        try:
            self._folder.record(self._address)
            await self._until_ready(binary, child, port)
        except BaseException:
            await self._end(self._address)
            raise
        return self._address

    async def _until_ready(self, binary: Path, child: Process, port: int) -> None:
        deadline = _now() + _READY_WITHIN_S
        while child.returncode is None and not self._stopping:
            if _now() > deadline:
                raise mongod.cannot_start(f"it does not answer within {_READY_WITHIN_S:.0f} s.", str(binary))
            with suppress(*_NOT_YET):
                if mongod.listens(self._folder.path):
                    return await asyncio.to_thread(
                        setup.set_up, port, self._passwords, self._database, self._folder.path
                    )
            await asyncio.sleep(_POLL_S)
        raise mongod.why_not(binary, self._folder.path, port=port, exit_code=child.returncode)

    async def _supervise(self) -> None:
        if self._stopping or self._address is None:
            return
        took_over = not self.owned and self._folder.lock()
        if took_over or (self.owned and not self._lives(self._address)):
            await self._restart(self._address.port)
        elif self.owned and self._folder.log_is_long():
            self._folder.rotate_log()
            self._signal(self._address, signal.SIGUSR1)  # mongod opens a new log

    async def _restart(self, port: int) -> None:
        """Restart on the same port, so that drivers reconnect by themselves."""
        began = _now()
        await self._prepare()
        self._address = await self._launch(port)
        log.warning("mongod.restarted", **asdict(self._address), seconds=_since(began))

    async def _end(self, server: Address) -> bool:
        """End this server, and wait until it is gone; False if it was gone before."""
        lived = self._lives(server)
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(server, number)
            if await self._gone(server, _STOP_WITHIN_S):
                break
        if self._child and self._child.pid == server.pid:  # the event loop, which may close next, must hear of its end
            with suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), _STOP_WITHIN_S)
        return lived

    async def _gone(self, server: Address, within_s: float) -> bool:
        """Poll until the process is gone: it need not be our child, so it cannot be waited for."""
        deadline = _now() + within_s
        while self._lives(server):
            if _now() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def _lives(self, server: Address) -> bool:
        return mongod.runs_on(server.pid, self._folder.path)

    def _signal(self, server: Address, number: signal.Signals) -> None:
        if self._lives(server):
            with suppress(ProcessLookupError):
                os.kill(server.pid, number)

    def _owner_is_silent(self, reason: str) -> CannotContinue:
        return CannotContinue(
            f"Another process owns the embedded MongoDB in {self._folder.path} (it holds owner.lock there), "
            f"but its server cannot be used: {reason}\n"
            "End that process, or give a MongoDB of your own with --mongo-uri."
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(began: float) -> float:
    return round(_now() - began, 3)
