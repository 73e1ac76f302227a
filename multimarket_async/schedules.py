"""Domains with a schedule rest between their runs: what is stored meanwhile is measured by the next one.

A run begins when the schedule says, or as soon as it can if that was missed. It ends when every API of the domain has
answered since, no file waits, and a generation has all that was stored until then.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel

from multimarket_async.clock import Clock
from multimarket_async.cron import next_run
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.landing import Landing, count_waiting
from multimarket_async.polling import PollState, poll_file

NEVER = datetime.min.replace(tzinfo=UTC)


class Rest(BaseModel):
    """A domain between two runs, in data/schedules/<name>.json. collections: those that the next one measures."""

    next_at: AwareDatetime
    collections: tuple[str, ...]


def rests(data_dir: Path) -> dict[str, datetime]:
    """The next run of each collection that is measured by a schedule; it may have passed."""
    found = [_read(file) for file in _folder(data_dir).glob("*.json")]
    return {collection: rest.next_at for rest in found if rest for collection in rest.collections}


class Schedules:
    """The schedules of the domains that have one. `fetched`, `rest` and the constructor block."""

    def __init__(
        self, domains: Sequence[LoadedDomain], feeds: Sequence[tuple[Feed, Landing]], data_dir: Path, clock: Clock
    ) -> None:
        self._domains = [domain for domain in domains if domain.schedule]
        self._feeds, self._data_dir, self._clock = feeds, data_dir, clock
        self._due = {domain.name: self._first(domain) for domain in self._domains}
        for file in _folder(data_dir).glob("*.json"):
            if file.stem not in self._due:  # its schedule, or the domain, was turned off
                file.unlink()

    def collections(self) -> set[str]:
        """The collections of domains that rest."""
        now = self._clock.now()
        return {name for domain in self._domains if self._due[domain.name] > now for name in _collections(domain)}

    def fetched(self) -> list[LoadedDomain]:
        """The domains whose run has stored all that it was to fetch: they rest when that is measured."""
        now = self._clock.now()
        running = [domain for domain in self._domains if self._due[domain.name] <= now]
        return [domain for domain in running if self._answered(domain) and not self._waiting(domain)]

    def rest(self, domains: Iterable[LoadedDomain]) -> None:
        """Note that the runs of these have ended."""
        for domain in domains:
            rest = Rest(next_at=self._following(domain), collections=tuple(_collections(domain)))
            private_folder(_folder(self._data_dir))
            atomic_write(_file(self._data_dir, domain), rest.model_dump_json().encode())
            self._due[domain.name] = rest.next_at

    def _first(self, domain: LoadedDomain) -> datetime:
        """The run that is due: as it was noted, also if that has passed; else one now."""
        noted = _read(_file(self._data_dir, domain))
        return min(noted.next_at, self._following(domain)) if noted else NEVER

    def _following(self, domain: LoadedDomain) -> datetime:
        return next_run(domain.schedule, domain.timezone, self._clock.now())

    def _answered(self, domain: LoadedDomain) -> bool:
        states = [PollState.read(poll_file(self._data_dir, feed.name)) for feed in domain.feeds if feed.poll]
        return all(state.answered_at and state.answered_at >= self._due[domain.name] for state in states)

    def _waiting(self, domain: LoadedDomain) -> bool:
        names = {feed.name for feed in domain.feeds}
        feeds = [(feed, landing) for feed, landing in self._feeds if feed.name in names]
        try:
            return any(count_waiting(landing.sources, feed.suffixes) for feed, landing in feeds)
        except OSError:  # a directory that cannot be listed now
            return True


def _collections(domain: LoadedDomain) -> list[str]:
    return sorted({facts.collection for facts in domain.facts})


def _folder(data_dir: Path) -> Path:
    return data_dir / "schedules"


def _file(data_dir: Path, domain: LoadedDomain) -> Path:
    return _folder(data_dir) / f"{domain.name}.json"


def _read(file: Path) -> Rest | None:
    try:
        return Rest.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None
