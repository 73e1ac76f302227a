"""A real mongod as a child process: started or shared, restarted if it dies, never left behind."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
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
_ADOPT_WITHIN_S = 15.0
_ORPHAN_ANSWERS_WITHIN_S = 2.0
_ORPHAN_ANSWERS, _ORPHAN_PROVES_ITSELF_S = 2, 0.3  # its owner's lock is freed a moment before its own SIGTERM is sent
_STOP_WITHIN_S = 5.0
_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 10.0
_TRIES = 5

_NOT_YET = (Unavailable, PyMongoError, OSError)


class EmbeddedServer:
    """The mongod of one folder: owned by one living process, shared by others.

    folder: all its files, private to the user.
    database: what the read-only user may read.
    port: 0 is the one of last time, or any free one.
    cache_gb: memory for its cache.

    uri, reader_uri: from `start` on; the second is for BI tools, and may read but nothing else.
    """

    uri: str
    reader_uri: str
    _passwords: Passwords

    def __init__(self, folder: Path, *, database: str, port: int, cache_gb: float) -> None:
        self._folder = Folder(folder)
        self._database = database
        self._port = port
        self._cache_gb = cache_gb
        self._address: Address | None = None
        self._stopping = False

    @property
    def owned(self) -> bool:
        """Whether this process answers for the server."""
        return self._folder.locked

    async def start(self) -> str:
        """Start the server, or share the one that is up; gives its URI. Raises CannotContinue."""
        began, self._stopping = _now(), False
        try:
            self._folder.make()
            address, adopted = await self._own_or_adopt()
        except OSError as error:
            raise mongod.cannot_start(
                f"{self._folder.path} cannot be used: {error.strerror or error}.", "to keep its files there"
            ) from error
        self._address = address
        self.uri = setup.uri(setup.ADMIN, self._passwords.admin, address.port)
        self.reader_uri = setup.uri(setup.READER, self._passwords.reader, address.port, self._database)
        log.info("mongod.started", **asdict(address), seconds=_since(began), adopted=adopted, owned=self.owned)
        return self.uri

    async def watch(self) -> None:
        """Restart the server when it dies, answer for it when its owner dies; runs for ever, after `start`."""
        pause_s = _WATCH_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._look_after()
                pause_s = _WATCH_EVERY_S
            except (CannotContinue, OSError) as error:
                pause_s = min(max(2 * pause_s, _RETRY_MIN_S), _RETRY_MAX_S)
                log.error("mongod.restart_failed", reason=str(error), retry_s=pause_s)  # noqa: TRY400 - said, not traced

    async def stop(self) -> None:
        """Stop the server if it is ours."""
        began, self._stopping = _now(), True
        if not self.owned:
            return
        if self._address and await self._end(self._address):
            log.info("mongod.stopped", **asdict(self._address), seconds=_since(began))
        self._address = None  # what is gone on purpose, `watch` does not restart while `start` does
        self._folder.unlock()

    def kill_now(self) -> None:
        """Tell the server to end if it is ours, without waiting."""
        self._stopping = True
        if self.owned and self._address:
            self._signal(self._address, signal.SIGTERM)

    async def _own_or_adopt(self) -> tuple[Address, bool]:
        """One process gets the lock, the others wait for its server. True: the server was up already."""
        deadline, trouble = _now() + _ADOPT_WITHIN_S, "it has not said where it listens"
        while not self._folder.lock():
            try:
                if adopted := await self._adopt():
                    return adopted, True
            except (*_NOT_YET, CannotContinue) as error:
                trouble = str(error)
            if _now() > deadline:
                raise self._owner_is_silent(trouble)
            await asyncio.sleep(_POLL_S)
        return await self._own()

    async def _adopt(self) -> Address | None:
        known, passwords = self._folder.address(), self._folder.passwords()
        if known is None or passwords is None:
            return None
        self._passwords = passwords
        return await asyncio.to_thread(setup.answering, known.port, passwords, self._folder.path)

    async def _own(self) -> tuple[Address, bool]:
        try:
            self._passwords = self._folder.prepare()
            if kept := await self._keep_orphan(self._port):
                return kept, True
            return await self._launch_somewhere(), False
        except BaseException:
            self._folder.unlock()
            raise

    async def _keep_orphan(self, port: int) -> Address | None:
        """The mongod that outlived its owner, if it serves; else it is ended."""
        orphan = self._folder.address()
        if orphan is None or not self._lives(orphan):
            return None
        if port in (0, orphan.port) and await self._serves(orphan):
            return orphan
        await self._end(orphan)
        return None

    async def _serves(self, orphan: Address) -> bool:
        deadline, answers = _now() + _ORPHAN_ANSWERS_WITHIN_S, 0
        while _now() < deadline and self._lives(orphan):
            with suppress(*_NOT_YET):
                if await asyncio.to_thread(setup.answering, orphan.port, self._passwords, self._folder.path):
                    answers += 1
            if answers == _ORPHAN_ANSWERS:
                return True
            await asyncio.sleep(_ORPHAN_PROVES_ITSELF_S if answers else _POLL_S)
        return False

    async def _launch_somewhere(self) -> Address:
        if self._port:
            return await self._launch(self._port)
        last = self._folder.address()
        for _ in range(_TRIES):
            with suppress(mongod.PortTaken):  # by somebody quicker, between our look and mongod's
                return await self._launch(ports.free_port(last.port if last else None))
        raise mongod.cannot_start(f"{_TRIES} free ports were taken at once.", "127.0.0.1")

    async def _launch(self, port: int) -> Address:
        if ports.is_taken(port):
            raise mongod.port_taken(port)
        binary = mongod.find_mongod()
        self._folder.turn_log()
        child = await mongod.spawn(binary, self._folder.path, port=port, cache_gb=self._cache_gb)
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

    async def _look_after(self) -> None:
        if self._stopping or self._address is None:
            return
        took_over = not self.owned and self._folder.lock()
        if took_over or (self.owned and not self._lives(self._address)):
            await self._restart(self._address.port)
        elif self.owned and self._folder.log_is_long():
            self._folder.turn_log()
            self._signal(self._address, signal.SIGUSR1)  # it opens a new one

    async def _restart(self, port: int) -> None:
        """On the same port, so that drivers come back by themselves."""
        began = _now()
        self._passwords = self._folder.prepare()
        kept = await self._keep_orphan(port)
        self._address = kept or await self._launch(port)
        log.warning("mongod.restarted", **asdict(self._address), seconds=_since(began), adopted=bool(kept))

    async def _end(self, server: Address) -> bool:
        """Whether there was something to end."""
        if not self._lives(server):
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(server, number)
            if await self._gone(server, _STOP_WITHIN_S):
                break
        return True

    async def _gone(self, server: Address, within_s: float) -> bool:
        """It need not be our child, so nobody tells us."""
        deadline = _now() + within_s
        while lives := self._lives(server):
            if _now() > deadline:
                break
            await asyncio.sleep(_POLL_S)
        return not lives

    def _lives(self, server: Address) -> bool:
        return mongod.runs_on(server.pid, self._folder.path)

    def _signal(self, server: Address, number: signal.Signals) -> None:
        if self._lives(server):
            with suppress(ProcessLookupError):
                os.kill(server.pid, number)

    def _owner_is_silent(self, trouble: str) -> CannotContinue:
        return CannotContinue(
            f"Another process owns the embedded MongoDB in {self._folder.path} (it holds owner.lock there), "
            f"but we cannot use its server: {trouble}\n"
            "End that process, or give a MongoDB of your own with --mongo-uri."
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(began: float) -> float:
    return round(_now() - began, 3)
