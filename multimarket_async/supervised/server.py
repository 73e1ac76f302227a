"""A server program as a child process: started or shared, restarted if it dies, never left behind."""

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import asdict

import structlog

from multimarket_async.errors import CannotContinue
from multimarket_async.supervised import ports
from multimarket_async.supervised.folder import Address, Folder, Passwords

log = structlog.get_logger()

_POLL_S = 0.02
_WATCH_EVERY_S = 0.1
_READY_WITHIN_S = 60.0  # a long journal is replayed before a server listens
_SHARE_WITHIN_S = 15.0
_STOP_WITHIN_S = 5.0
_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 10.0
_TRIES = 5


class PortTaken(CannotContinue):
    """Stop, or try another port: another program listens there."""


class Supervised(ABC):
    """The server of one folder: owned by one living process, shared by others.

    port: 0 is the port of the last start, or any free one.

    A program says its name, in log events and in messages (title); how to do without it (own, ways_out); the setting
    of its port; which errors mean that it has to be asked again;
    and by which signals it ends, the gentle one first.
    """

    name: str
    title: str
    ways_out: str
    own: str
    setting: str
    not_yet: tuple[type[Exception], ...]
    ends_by: tuple[signal.Signals, ...]
    _passwords: Passwords

    def __init__(self, folder: Folder, port: int) -> None:
        self._folder = folder
        self._port = port
        self._address: Address | None = None
        self._child: Process | None = None
        self._stopping = False

    @abstractmethod
    async def prepare(self) -> None:
        """Create what the program needs before its first start, as the owner. Raises CannotContinue."""

    @abstractmethod
    async def spawn(self, port: int) -> Process:
        """Start the program, so that it ends with this process. Raises CannotContinue."""

    @abstractmethod
    def runs(self, pid: int) -> bool:
        """True if this process is that program on this folder."""

    @abstractmethod
    def listens(self) -> bool:
        """True if the program itself, and not another one on its port, waits for connections."""

    @abstractmethod
    async def set_up(self, port: int) -> None:
        """Create the users, and whatever is missing; idempotent. Raises one of `not_yet`, CannotContinue."""

    @abstractmethod
    async def answering(self, address: Address, passwords: Passwords) -> Address | None:
        """The address of the server of another process, if it is ready and on this folder. Raises as `set_up` does."""

    @abstractmethod
    def reopen_log(self, address: Address) -> None:
        """Begin a new log: the old one is long."""

    @abstractmethod
    def why_not(self, port: int, exit_code: int | None) -> CannotContinue:
        """The reason why it did not start."""

    @property
    def owned(self) -> bool:
        """True if this process starts, restarts and stops the server."""
        return self._folder.locked

    async def run(self) -> Address:
        """Start the server, or share the running one; returns its address. Raises CannotContinue."""
        began, self._stopping = _now(), False
        try:
            self._folder.make()
            self._address = await self._own_or_share()
        except OSError as error:
            raise self.cannot_start(
                f"{self._folder.path} cannot be used: {error.strerror or error}.", "to keep its files there"
            ) from error
        log.info(self._event("started"), **asdict(self._address), seconds=_since(began), owned=self.owned)
        return self._address

    def cannot_start(self, reason: str, tried: str) -> CannotContinue:
        """The message for a server that cannot start."""
        return CannotContinue(f"The embedded {self.title} cannot start: {reason}\nTried: {tried}.\n{self.ways_out}")

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
                log.error(self._event("restart_failed"), reason=str(error), retry_s=pause_s)  # noqa: TRY400 - expected, so without a traceback

    async def stop(self) -> None:
        """Stop the server if this process owns it."""
        began, self._stopping = _now(), True
        if not self.owned:
            return
        if self._address and await self._end(self._address):
            log.info(self._event("stopped"), **asdict(self._address), seconds=_since(began))
        self._address = None  # a server stopped on purpose is not restarted by `watch`
        self._folder.unlock()

    def kill_now(self) -> None:
        """Signal the server to end if this process owns it, without waiting."""
        self._stopping = True
        if self.owned and self._address:
            self._signal(self._address, self.ends_by[0])

    async def _own_or_share(self) -> Address:
        """Launch the server as the one process that gets the lock, or wait for the server of that process."""
        deadline, reason = _now() + _SHARE_WITHIN_S, "it has not recorded its address"
        not_yet: tuple[type[Exception], ...] = (*self.not_yet, CannotContinue)
        while not self._folder.lock():
            try:
                if shared := await self._shared():
                    return shared
            except not_yet as error:
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
        return await self.answering(recorded, passwords)

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
        """End the server of an owner that was killed: it may be ending already, and answer until it is gone."""
        self._passwords = self._folder.prepare()
        if orphan := self._folder.address():
            await self._end(orphan)
        await self.prepare()

    async def _launch_on_free_port(self) -> Address:
        if self._port:
            return await self._launch(self._port)
        last = self._folder.address()
        for _ in range(_TRIES):
            with suppress(PortTaken):  # by another program, between our check and the server's bind
                return await self._launch(ports.free_port(last.port if last else None))
        raise self.cannot_start(f"{_TRIES} free ports in a row were taken by other programs.", "127.0.0.1")

    async def _launch(self, port: int) -> Address:
        if ports.is_taken(port):
            raise self.port_taken(port)
        self._folder.rotate_log()
        self._child = child = await self.spawn(port)
        self._address = Address(child.pid, port)
        try:
            self._folder.record(self._address)
            await self._until_ready(child, port)
        except BaseException:
            await self._end(self._address)
            raise
        return self._address

    async def _until_ready(self, child: Process, port: int) -> None:
        deadline = _now() + _READY_WITHIN_S
        while child.returncode is None and not self._stopping:
            if _now() > deadline:
                raise self.cannot_start(f"it does not answer within {_READY_WITHIN_S:.0f} s.", f"127.0.0.1:{port}")
            with suppress(*self.not_yet):
                if self.listens():
                    return await self.set_up(port)
            await asyncio.sleep(_POLL_S)
        raise self.why_not(port, child.returncode)

    def port_taken(self, port: int) -> PortTaken:
        """The message for a port that another program listens on."""
        return PortTaken(
            f"The embedded {self.title} cannot start: port {port} on 127.0.0.1 is taken by another program.\n"
            f"Set {self.setting} to another one, or to 0 for any free one. {self.ways_out}"
        )

    async def _supervise(self) -> None:
        if self._stopping or self._address is None:
            return
        took_over = not self.owned and self._folder.lock()
        if took_over or (self.owned and not self._lives(self._address)):
            await self._restart(self._address.port)
        elif self.owned and self._folder.log_is_long():
            self.reopen_log(self._address)

    async def _restart(self, port: int) -> None:
        """Restart on the same port, so that drivers reconnect by themselves."""
        began = _now()
        await self._prepare()
        self._address = await self._launch(port)
        log.warning(self._event("restarted"), **asdict(self._address), seconds=_since(began))

    async def _end(self, server: Address) -> bool:
        """End this server, and wait until it is gone; False if it was gone before."""
        lived = self._lives(server)
        for number in (*self.ends_by, signal.SIGKILL):
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
        return self.runs(server.pid)

    def _signal(self, server: Address, number: signal.Signals) -> None:
        if self._lives(server):
            with suppress(ProcessLookupError):
                os.kill(server.pid, number)

    def _event(self, what: str) -> str:
        return f"{self.name}.{what}"

    def _owner_is_silent(self, reason: str) -> CannotContinue:
        return CannotContinue(
            f"Another process owns the embedded {self.title} in {self._folder.path} (it holds owner.lock there), "
            f"but its server cannot be used: {reason}\n"
            f"End that process, or {self.own}"
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(began: float) -> float:
    return round(_now() - began, 3)
