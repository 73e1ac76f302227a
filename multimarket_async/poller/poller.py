"""api -> landing: an API is asked on time, and its changed answers land as files."""

import asyncio
import os
import random
import ssl
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import httpx2
import structlog
from pydantic import SecretStr

from multimarket_async.clock import Clock, reached, unless
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.poller import schedule
from multimarket_async.poller.answers import Answers
from multimarket_async.poller.client import TIMES, Client
from multimarket_async.poller.secrets import Secrets
from multimarket_async.poller.spool import Spool
from multimarket_async.polling import Incomplete, PollState, Refused, poll_file
from multimarket_async.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")
How: TypeAlias = Literal["answered", "unchanged", "failed"]

LONGEST_WHY, CERTIFICATES_S = 500, 3600.0
MOST_REMEMBERED = 10_000  # validators and digests: the state does not grow with the data


class Outcome(NamedTuple):
    """The end of one poll. files: those that landed. why: it failed."""

    feed: str
    how: How
    next_at: datetime
    files: int = 0
    why: str = ""


class Poller:
    """Polls the API of one feed, one poll at a time.

    secrets: of all settings; none of them gets into a file or the log. rng: spreads polls, so that many do not meet.
    """

    def __init__(
        self,
        feed: Feed,
        landing: Landing,
        settings: Settings,
        clock: Clock,
        *,
        secrets: Iterable[SecretStr] = (),
        rng: random.Random | None = None,
    ) -> None:
        self.name = f"poller.{feed.name}"
        if feed.poll is None:
            raise ValueError(f"the feed {feed.name} polls no API")
        self._feed, self._poll, self._settings, self._clock = feed, feed.poll, settings, clock
        self._max_bytes = feed.max_file_bytes or settings.max_file_bytes
        self._secrets = Secrets(secret.get_secret_value() for secret in secrets)
        self._rng = rng or random.Random()  # noqa: S311 - a pause is no secret
        self._state_file = poll_file(settings.data_dir, feed.name)
        self._spool = Spool(landing.sources, self._state_file, feed.suffixes)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask on time until stopped. A poll that is not finished by then lands nothing."""
        state = PollState.read(self._state_file)
        due = schedule.first(state, self._poll.every_s, self._clock.now(), self._rng, cron=bool(self._poll.cron))
        while await reached(due, self._clock, stop):
            outcome = await unless(stop, self.once(due))
            due = outcome.next_at if outcome else schedule.following(self._poll, due, self._clock.now())

    async def once(self, due: datetime | None = None) -> Outcome:
        """Ask now, and land what has changed. due: the instant that the next poll is counted from; now if None."""
        due = due or self._clock.now()
        try:
            with self._spool.locked():
                return await self._polled(due)
        except (Unavailable, OSError) as error:  # another process polls it, or the state cannot be written
            why = self._secrets.hide_in(str(error))
            log.warning("poll.skipped", feed=self._feed.name, why=why)
            next_at = schedule.following(self._poll, due, self._clock.now())
            return Outcome(self._feed.name, "failed", next_at, why=why)

    async def _polled(self, due: datetime) -> Outcome:
        try:
            if landed := await _to_end(self._spool.begin):
                log.info("poll.landed", feed=self._feed.name, files=landed, interrupted=True)
            return await self._landed(due, PollState.read(self._state_file))
        except Exception as error:  # noqa: BLE001 - whatever a domain's `fetch` raises stops nothing else
            return await _to_end(self._failed, error, due)
        finally:
            await _to_end(self._spool.discard)

    async def _landed(self, due: datetime, state: PollState) -> Outcome:
        """Gather the answers; land those that have changed, with the state after them."""
        saved = dict(state.saved)
        answers, validators, incomplete = await self._fetched(state, saved)
        now = self._clock.now()
        landed = {
            "changed_at": now if answers.files else state.changed_at,
            "validators": _newest(state.validators, validators),
            "digests": _newest(state.digests, answers.digests),
        }
        next_at = schedule.following(self._poll, due, now)
        whole = PollState(answered_at=now, next_at=next_at, saved=saved)
        after = (state if incomplete else whole).model_copy(update=landed)
        await _to_end(self._spool.land, self._secrets.hide(after.model_dump_json().encode()))
        if answers.files:
            log.info("poll.landed", feed=self._feed.name, files=answers.files, bytes=answers.bytes)
        if incomplete:
            failed = await _to_end(self._failed, incomplete, due)
            return failed._replace(files=answers.files)
        if state.failures:
            since = str(state.failing_since)
            log.info("poll.resumed", feed=self._feed.name, failures=state.failures, failing_since=since)
        how: How = "answered" if answers.files else "unchanged"
        return Outcome(self._feed.name, how, next_at, answers.files)

    async def _fetched(
        self, state: PollState, saved: dict[str, Any]
    ) -> tuple[Answers, dict[str, tuple[str, str]], Incomplete | None]:
        at, incomplete = self._clock.now(), None
        timeout_s = self._settings.poll_timeout_s
        answers = Answers(
            self._spool, self._feed, at, known=state.digests, secrets=self._secrets, max_bytes=self._max_bytes
        )
        limits = {"max_bytes": self._max_bytes, "tries": self._settings.poll_tries}
        deadline = self._clock.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s), await asyncio.to_thread(_connection) as http:
                client = Client(http, state.validators, self._secrets, self._clock, **limits, deadline=deadline)
                async for answer in self._poll.fetch(client, at, saved):
                    await _to_end(answers.add, answer)
        except Incomplete as why:
            incomplete = why
        except TimeoutError:
            raise Unavailable(f"it took longer than poll_timeout_s = {timeout_s:g} s") from None
        return answers, client.seen, incomplete

    def _failed(self, error: Exception, due: datetime) -> Outcome:
        """Keep and log the failure; the log has the first one of an outage only."""
        state, now, every_s = PollState.read(self._state_file), self._clock.now(), self._poll.every_s
        failures, why = state.failures + 1, self._why(error)
        next_at = schedule.after_failure(due, every_s, now, failures, self._rng)
        next_at = min(next_at, schedule.following(self._poll, due, now)) if self._poll.cron else next_at
        if isinstance(error, Refused) and error.until:
            next_at = schedule.not_before(error.until, next_at, now)
        health = {"failures": failures, "failing_since": state.failing_since or now, "why": why, "next_at": next_at}
        if failures == 1:
            expected = isinstance(error, Unavailable)
            shown = {} if expected else {"exception": self._secrets.hide_in("".join(traceback.format_exception(error)))}
            log.warning("poll.failed", feed=self._feed.name, why=why, **shown)
        self._spool.write_state(state.model_copy(update=health).model_dump_json().encode())
        return Outcome(self._feed.name, "failed", next_at, why=why)

    def _why(self, error: Exception) -> str:
        sentence = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
        return self._secrets.hide_in(sentence)[:LONGEST_WHY]


def _connection() -> httpx2.AsyncClient:
    """A client for one poll."""
    places = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    certificates = _certificates(places, int(time.monotonic() // CERTIFICATES_S))
    return httpx2.AsyncClient(verify=certificates, timeout=TIMES, headers={"User-Agent": "multimarket-async"})


@lru_cache(maxsize=1)
def _certificates(_: tuple[str | None, ...], __: int) -> ssl.SSLContext:
    """The certificates in these places, read once a period of this number: it takes 40 ms."""
    return httpx2.create_ssl_context()


def _newest(old: dict[str, T], new: dict[str, T]) -> dict[str, T]:
    """Both, the newest last, as many as are remembered."""
    both = {key: value for key, value in old.items() if key not in new} | new
    return dict(list(both.items())[-MOST_REMEMBERED:])


async def _to_end(work: Callable[..., T], *arguments: Any) -> T:
    """Run in a thread; a cancellation waits for its end, so that two threads never meet in the spool."""
    task = asyncio.create_task(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
