"""What a simulated run received and what must become of it: JSON Lines, written while it delivers.

First line: what the run is made of. Then one for each file, written before it is received, and a mark when all files so
far of its feed have been. A run that came to its end has a last line: how many files must become what, the value of
every KPI, and the SHA-256 of all lines before it.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from pydantic_core import to_json

from multimarket_async.audits import Lives
from multimarket_async.domains import STORED, Delivery, LoadedDomain, Row
from multimarket_async.errors import WrongSettings

VERSION = 1
SUFFIX = ".jsonl"


class Manifest:
    """One run's, being written. Producers share it; each tells of its own feed, from any thread.

    It gets its last line if the context ends without an error.
    """

    def __init__(self, path: Path, domains: Sequence[LoadedDomain], facts: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("xb", buffering=0)  # a line that was written survives the end of this process
        self._digest = hashlib.sha256()
        self._lock = Lock()
        self._expected: dict[str, Counter[str]] = defaultdict(Counter)
        self._audits = {one.name: Lives(one.audit()) for one in domains}
        self._domains = {feed.name: domain.name for domain in domains for feed in domain.feeds}
        self._write([{"manifest": VERSION, **facts}])

    @classmethod
    def of_run(
        cls,
        folder: Path,
        begun: tuple[str, datetime],
        domains: Sequence[LoadedDomain],
        facts: Mapping[str, Any],
    ) -> "Manifest":
        """A new file, whose name tells when the run began: the last one by name is the newest."""
        command, at = begun
        path = folder / f"{at:%Y%m%dT%H%M%S.%fZ}-{command}{SUFFIX}"
        return cls(path, domains, {"command": command, "at": at, **facts})

    @contextmanager
    def dropping(self, feed: str, deliveries: Sequence[Delivery], *, complete: bool) -> Iterator[None]:
        """Around the dropping of these. complete: all follow-ups that will ever come of them are among them."""
        with self._lock:
            self._write([_line(feed, one) for one in deliveries])
        yield
        with self._lock:
            self._write([{"received": feed}])
            self._expected[feed].update(one.expected for one in deliveries)
            self._count(feed, deliveries, complete=complete)

    def _count(self, feed: str, deliveries: Sequence[Delivery], *, complete: bool) -> None:
        audit = self._audits[self._domains[feed]]
        stored = [one for one in deliveries if one.expected == STORED]
        followed = {one.follows for one in stored if one.follows} if complete else {one.name for one in stored}
        for one in stored:
            if one.follows:
                audit.follow_up(f"{feed}/{one.follows}", one.content)
            else:
                audit.add(one.content, [f"{feed}/{one.name}"], followed_up=one.name in followed)

    def _end(self) -> None:
        kpis = {name: rows for audit in self._audits.values() for name, rows in audit.rows().items()}
        self._write([{"end": {"files": self._expected, "kpis": kpis, "sha256": self._digest.hexdigest()}}])

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        text = memoryview(b"".join(to_json(line) + b"\n" for line in lines))
        self._digest.update(text)
        try:
            while text:  # a disk that fills up takes a part, and refuses the rest
                text = text[self._file.write(text) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._end()
        finally:
            self._file.close()
            for audit in self._audits.values():
                audit.close()


def _line(feed: str, one: Delivery) -> dict[str, Any]:
    told: dict[str, Any] = {
        "feed": feed,
        "name": one.name,
        "sha256": hashlib.sha256(one.content).hexdigest(),
        "bytes": len(one.content),
        "expected": one.expected,
    }
    return told | ({"fault": one.fault} if one.fault else {}) | ({"follows": one.follows} if one.follows else {})


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """Line by line. Raises WrongSettings where it is no manifest, or not as it was written.

    Half a line at the end is what a process leaves that was killed; it told of nothing that was received.
    """
    digest = hashlib.sha256()
    with _opened(path) as file:
        for number, text in enumerate(file):
            if not text.endswith(b"\n"):
                return
            line = _read(path, number, text)
            if "end" in line and line["end"]["sha256"] != digest.hexdigest():
                raise _unusable(path, "it was changed since it was written")
            digest.update(text)
            yield line


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error


def _read(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(text)
        kind = next(name for name in ("manifest", "name", "received", "end") if name in line)
    except (ValueError, TypeError, StopIteration):
        raise _unusable(path, f"line {number + 1} is none of a manifest") from None
    if (number == 0) != (kind == "manifest"):
        raise _unusable(path, "its first line does not say what it is")
    if line.get("manifest", VERSION) != VERSION:
        raise _unusable(path, f"it is of version {line['manifest']}, and this program reads version {VERSION}")
    return line


def _unusable(path: Path, why: str) -> WrongSettings:
    return WrongSettings(f"{path} is no usable manifest: {why}.")


def chosen(folder: Path, names: Sequence[str]) -> list[Path]:
    """The manifests of these names: paths, "latest", or "all". Raises WrongSettings where there is none."""
    kept = sorted(folder.glob(f"*{SUFFIX}"))
    if not kept and {"latest", "all"} & set(names):
        raise WrongSettings(f"There is no manifest in {folder}: `produce`, `demo` and `run` leave one.")
    known = {"latest": kept[-1:], "all": kept}
    return list(dict.fromkeys(path for name in names for path in known.get(name, [Path(name)])))


def published(rows: Sequence[Row]) -> list[Row]:
    """Rows of a KPI as they stand in a manifest."""
    found: list[Row] = json.loads(to_json(rows))
    return found
