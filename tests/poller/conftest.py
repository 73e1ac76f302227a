"""A polled feed on a folder of its own, and the API that it asks."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from multimarket_async.clock import Clock
from multimarket_async.domains import Answer, Feed, Http, IncomingFile, Poll, Record, Table
from multimarket_async.landing import Landing
from multimarket_async.poller import Outcome, Poller
from multimarket_async.polling import PollState, poll_file
from multimarket_async.settings import Settings
from tests.poller.source import Source, serving

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERY_S = 300.0
Fetch = Callable[[Http, datetime, dict[str, Any]], AsyncIterator[Answer]]


@dataclass
class Time:
    """A clock that goes on when it is told to."""

    seconds: float = 0.0

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    async def passes_until(self, done: Callable[[], bool]) -> None:
        """A tenth of a second at a time."""
        async with asyncio.timeout(60):
            while not done():
                self.seconds += 0.1
                await asyncio.sleep(0.005)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.seconds)


def read(_: IncomingFile) -> list[Record]:
    return []


@dataclass
class Bench:
    """A feed `weather`, and what became of it."""

    folder: Path
    source: Source
    time: Time = field(default_factory=Time)

    @property
    def landing(self) -> Landing:
        return Landing(self.folder, "weather", (".json",))

    def poller(
        self, fetch: Fetch, *, every_s: float = EVERY_S, secrets: tuple[SecretStr, ...] = (), **settings: Any
    ) -> Poller:
        """As a new process has it."""
        self.landing.prepare()
        feed = Feed("weather", Table("weather"), read, max_file_bytes=1000, poll=Poll(every_s, fetch))
        given = Settings(data_dir=self.folder, **settings)
        return Poller(feed, self.landing, given, self.time.clock, secrets=secrets, rng=random.Random(1))

    async def once(self, fetch: Fetch, **given: Any) -> Outcome:
        return await self.poller(fetch, **given).once()

    def landed(self) -> dict[str, bytes]:
        """The files that wait, by name."""
        return {file.name: file.path.read_bytes() for file in self.landing.waiting()}

    def contents(self) -> list[bytes]:
        """Theirs, in the order of their names."""
        return [content for _, content in sorted(self.landed().items())]

    def hidden(self) -> list[str]:
        """Leftovers in the landing directory."""
        return [path.name for path in self.landing.sources.iterdir() if path.name.startswith(".")]

    @property
    def state(self) -> PollState:
        return PollState.read(poll_file(self.folder, "weather"))

    def whole(self, path: str = "/", name: str = "answer", **asked: Any) -> Fetch:
        """A source with one answer."""

        async def fetch(http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
            if (body := await http.get_if_changed(self.source.url + path, **asked)) is not None:
                yield Answer(name, body)

        return fetch

    def pages(self, number: int) -> Fetch:
        """A source with pages."""

        async def fetch(http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
            for page in range(number):
                yield Answer(f"page{page}", await http.get(f"{self.source.url}/", params={"page": page}))

        return fetch


@pytest.fixture
def source() -> Iterator[Source]:
    with serving() as source:
        yield source


@pytest.fixture
def bench(tmp_path: Path, source: Source) -> Bench:
    return Bench(tmp_path, source)


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    """Retries follow without their back-off."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield
