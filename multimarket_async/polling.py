"""Polled APIs: the interface between the domains that know an API, the poller that asks it, and the readers."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic import AwareDatetime, BaseModel, SecretStr

from multimarket_async.cron import check_cron
from multimarket_async.errors import Unavailable


class Answer(NamedTuple):
    """The body of one answer, and the name of the file that it becomes, behind the time of the poll.

    The same content under the same name as last time lands nothing: `fetch` leaves out what differs in each answer
    and means nothing, such as the time it took.
    """

    name: str
    content: bytes


class Refused(Unavailable):
    """An answer that is an error. `fetch` may raise it too, for an API that describes errors in its own way.

    status: of HTTP. content: what the API says. until: the source does not answer before, such as a quota's end.
    """

    def __init__(
        self, sentence: str, *, status: int | None = None, content: bytes = b"", until: datetime | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.content = content
        self.until = until


class Incomplete(Unavailable):
    """Some of the answers of a poll are missing: those that `fetch` gave before it raises this land all the same.

    The poll counts as failed, and is tried again soon; what `fetch` keeps between polls is not changed.
    """


class Http(Protocol):
    """An HTTP client that checks TLS, bounds bodies and times, retries what may pass, and logs no secret.

    Secrets are given as SecretStr, as a domain's settings have them, and never as a part of `url`. A redirect is
    followed within its host only. accept: the expected media type; what is no JSON, or an HTML page, is an error
    where something else is expected. Raises Unavailable after the last retry, and Refused for an error of the API.
    """

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] = {},
        headers: Mapping[str, str | SecretStr] = {},
        accept: str = "application/json",
    ) -> bytes:
        """The body of a successful answer."""

    async def get_if_changed(
        self,
        url: str,
        *,
        params: Mapping[str, Any] = {},
        headers: Mapping[str, str | SecretStr] = {},
        accept: str = "application/json",
    ) -> bytes | None:
        """The same; None where the server says that it has not changed since the last poll that landed."""


@dataclass(frozen=True, slots=True)
class Poll:
    """An API that is asked every `every_s` seconds, or when a schedule says.

    cron: the schedule, five fields as in crontab(5), in the time zone `timezone`: instead of `every_s`, which then only
        bounds the pauses after a failed poll. Runs that were missed are caught up by one, at the next start.
    fetch: yields the answers of one poll, page by page. They land as a whole set, or not at all if it raises
        anything but Incomplete.
        It gets the client, the instant of the poll (UTC), and what it keeps between polls: a dictionary of JSON
        values, whose changes are kept when the answers have landed. It runs in the event loop: it awaits, and
        does not compute for long.
    """

    every_s: float
    fetch: Callable[[Http, datetime, dict[str, Any]], AsyncIterator[Answer]]
    cron: str = ""
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse what is no interval, or no schedule."""
        check_cron(self.cron)
        if not self.every_s > 0:
            raise ValueError(f"every_s = {self.every_s}: expected a number of seconds above 0")


class PollState(BaseModel):
    """A polled feed between two polls, in data/polls/<feed>.json. It holds no secret.

    answered_at: end of the last poll in which everything was answered. changed_at: of the last one that landed a file.
    failures: failed polls since then. why: the last one failed.
    validators: ETag and Last-Modified of answers, by a digest of the request. digests: SHA-256 of answers, by name.
    saved: what `fetch` keeps.
    """

    answered_at: AwareDatetime | None = None
    changed_at: AwareDatetime | None = None
    next_at: AwareDatetime | None = None
    failing_since: AwareDatetime | None = None
    failures: int = 0
    why: str = ""
    validators: dict[str, tuple[str, str]] = {}
    digests: dict[str, str] = {}
    saved: dict[str, Any] = {}

    @classmethod
    def read(cls, file: Path) -> "PollState":
        """The state that a poll has left; that of a feed never polled, if there is none or it cannot be read."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValueError):
            return cls()


def poll_file(data_dir: Path, feed: str) -> Path:
    """The place of a feed's state."""
    return data_dir / "polls" / f"{feed}.json"
