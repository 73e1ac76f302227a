"""Answers instead of made-up files: the simulated API of a domain is served, and polled as of each step of a period."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from multimarket_async.app import Application
from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.errors import CannotContinue
from multimarket_async.landing import Landing
from multimarket_async.landing.waiting import is_hidden
from multimarket_async.poller import Poller
from multimarket_async.producer import Period, Producer
from multimarket_async.producer.producer import Turns
from multimarket_async.settings import Settings
from multimarket_async.simulation import Delivery
from multimarket_async.supervised.ports import free_port

LOOPBACK, AGAIN_S = "127.0.0.1", 0.02


class Served:
    """The API of a domain, as it is at the time `now`, and the producers that poll it.

    before_poll: called before each poll with its number, from 1.
    may_fail: a failed poll ends nothing. failed: the reasons of those that failed.
    """

    def __init__(self, application: Application, domain: LoadedDomain) -> None:
        if domain.serve is None or domain.rehearsal is None or domain.rehearsal.polled is None:
            raise ValueError(f"{domain.name} serves no API that it polls")
        self.now, self._port = application.clock.now(), free_port(None)
        self.failed: list[str] = []
        self.may_fail = False
        self.before_poll: Callable[[int], Awaitable[None]] = _nothing
        self._api = domain.serve(application.settings.seed, lambda: self.now)
        landings = {feed.name: landing for feed, landing in application.feeds}
        feeds = domain.rehearsal.polled(f"http://{LOOPBACK}:{self._port}")
        self.producers = [Polled(feed, landings[feed.name], application.settings, self) for feed in feeds]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer meanwhile."""
        from multimarket_async.readers.http import server  # noqa: PLC0415 - 0.2 s, for servers only

        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve_simulated(self._api, LOOPBACK, self._port, stop), name="api")
            try:
                await self._listening(stop)
                yield
            finally:
                stop.set()  # a server that is cancelled leaves its socket with the event loop

    async def inject(self, fault: str, answers: int) -> None:
        """Have the API inject a fault into so many of its next answers. Raises CannotContinue."""
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"http://{LOOPBACK}:{self._port}/faults/{fault}", params={"times": answers})
        if answer.is_error:
            raise CannotContinue(f"The simulated API cannot inject {fault}: {answer.text}")

    async def _listening(self, stop: asyncio.Event) -> None:
        async for _ in beats(AGAIN_S, stop):
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, self._port)
            except OSError:
                continue
            writer.close()
            return


async def _nothing(_: int) -> None:
    """Between polls nothing happens."""


class Polled(Producer):
    """A producer whose files are the answers that a poller lands."""

    def __init__(self, feed: Feed, landing: Landing, settings: Settings, api: Served) -> None:
        super().__init__(feed, landing, settings, Clock(now=lambda: api.now))
        self._api, self._polled, self._steps = api, feed, feed.simulated_files

    async def burst(self, files: int, period: Period | None = None, turns: Turns | None = None) -> None:
        """Poll so often, at equal distances over the period, which ends with the last one. Raises CannotContinue."""
        if period is None or turns is None:
            raise ValueError("polls have a period, and turns")
        steps = min(files, self._steps or files)
        with TemporaryDirectory(prefix="multimarket-polled-") as name:
            staged = Landing(Path(name), self.feed, self._polled.suffixes)
            staged.prepare()
            settings = self._settings.model_copy(update={"data_dir": Path(name)})
            poller = Poller(self._polled, staged, settings, self._clock)
            for number in range(1, steps + 1):
                async with turns.deliver:
                    self._api.now = period.earliest + (period.latest - period.earliest) * number / steps
                    await self._api.before_poll(number)
                    await self._poll(poller, staged)

    async def _poll(self, poller: Poller, staged: Landing) -> None:
        """Hand the answers on: the manifest has each before it is delivered."""
        outcome = await poller.once()
        if outcome.how == "failed":
            self._api.failed.append(outcome.why)
        if self._api.failed and not self._api.may_fail:
            raise CannotContinue(f"The simulated API of {self.feed} does not answer: {outcome.why}")
        landed = sorted(path for path in staged.sources.iterdir() if path.is_file() and not is_hidden(path.name))
        with ExitStack() as recorded:
            answers = [Delivery(path.name, path.read_bytes()) for path in landed]
            await asyncio.to_thread(self._deliver_all, answers, recorded)
        for path in landed:
            path.unlink()
