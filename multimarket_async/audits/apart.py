"""An audit in a process of its own: whoever drops a long history does not wait for it, as long as a core is free."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any, BinaryIO, cast

from multimarket_async.audits.lives import Lives
from multimarket_async.domains import Audit, Row
from multimarket_async.errors import CannotContinue

BUFFER_BYTES = 1 << 20


class Apart:
    """As `Lives`. What it is asked to count goes through a pipe; the process ends with the pipe, so also with ours."""

    def __init__(self, audit: Callable[[], Audit]) -> None:
        # In a session of its own: Ctrl-C means us, who then ask for the rows.
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", __spec__.name],
            bufsize=BUFFER_BYTES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._told, self._answers = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        self._tell(audit)

    def add(self, content: bytes, keys: Sequence[str], *, followed_up: bool) -> None:
        """The file of the documents with these keys."""
        self._tell((content, keys, followed_up))

    def follow_up(self, key: str, content: bytes) -> None:
        """The file of a follow-up of the document with this key."""
        self._tell((key, content))

    def rows(self) -> dict[str, list[Row]]:
        """What the audit says of all of them."""
        self._tell(None)
        with suppress(EOFError, BrokenPipeError):
            self._told.flush()
            found: dict[str, list[Row]] = pickle.load(self._answers)  # noqa: S301 - from ourselves
            return found
        raise self._ended()

    def close(self) -> None:
        """Let the process end."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _tell(self, what: Any) -> None:
        try:
            pickle.dump(what, self._told, pickle.HIGHEST_PROTOCOL)
        except BrokenPipeError as error:
            raise self._ended() from error

    def _ended(self) -> CannotContinue:
        return CannotContinue("The process that computes the manifest's KPIs has ended; --no-manifest does without it.")


def serve(told: BinaryIO, answers: BinaryIO) -> None:
    """Count what is told, and answer with the rows; nothing, where whoever tells is gone before."""
    with suppress(EOFError, BrokenPipeError), closing(Lives(pickle.load(told)())) as audit:  # noqa: S301 - from ourselves
        while what := pickle.load(told):  # noqa: S301 - from ourselves
            match what:
                case content, keys, followed_up:
                    audit.add(content, keys, followed_up=followed_up)
                case key, content:
                    audit.follow_up(key, content)
        pickle.dump(audit.rows(), answers)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
