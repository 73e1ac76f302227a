"""The answers of one poll, as `fetch` gives them: those that have changed are kept for landing."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.poller.secrets import Secrets
from multimarket_async.poller.spool import Spool, file_name
from multimarket_async.polling import Answer

LARGEST_POLL_BYTES = 1 << 30


class Answers:
    """The answers of the poll at `at`. known: digests of those that landed last, by name.

    digests: of these, by name. files, bytes: of those that differ.
    """

    def __init__(
        self, spool: Spool, feed: Feed, at: datetime, *, known: Mapping[str, str], secrets: Secrets, max_bytes: int
    ) -> None:
        self.digests: dict[str, str] = {}
        self.files = self.bytes = 0
        self._spool, self._feed, self._at = spool, feed, at
        self._known, self._secrets, self._max_bytes = known, secrets, max_bytes

    def add(self, answer: Answer) -> None:
        """Keep an answer if it has changed. Raises Unavailable, ValueError, OSError."""
        name, content = self._secrets.hide_in(answer.name), self._secrets.hide(answer.content)
        if name in self.digests:
            raise ValueError(f"two answers of one poll are named {name!r}")
        if len(content) > self._max_bytes:
            raise Unavailable(f"the answer {name!r} has more than {self._max_bytes} bytes (max_file_bytes)")
        self.digests[name] = sha256(content).hexdigest()
        if self._known.get(name) != self.digests[name]:
            self._keep(name, content)

    def _keep(self, name: str, content: bytes) -> None:
        self.files, self.bytes = self.files + 1, self.bytes + len(content)
        if self.bytes > LARGEST_POLL_BYTES:
            raise Unavailable(f"the answers of one poll have more than {LARGEST_POLL_BYTES} bytes")
        self._spool.add(file_name(self._at, name, self._feed.suffixes), content)
