"""Manifest of a simulated run: the files it delivered and the expected outcome of each, as JSON Lines.

The first line describes the run. Then follow one line for each file, written before the file is delivered, and a
mark `{"received": feed}` when all files of that feed announced so far have been delivered. A run that ended without
an error has a last line: the number of files by expected outcome, the rows of every KPI, and the SHA-256 of all
lines before it.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Self

from pydantic_core import to_json

from multimarket_async.app import Workspace
from multimarket_async.domains import LoadedDomain, Row
from multimarket_async.errors import WrongSettings
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.producer import Producer
from multimarket_async.readers.audit import Audit
from multimarket_async.simulation import STORED, Delivery

VERSION = 1
SUFFIX = ".jsonl"


class Manifest:
    """The manifest of a run in progress, shared by its producers; thread-safe.

    domains: those whose KPIs the last line gives; of others the checker computes them from the archived files. It does
        so too where a domain has receipts: which of two versions is newer is decided by the times of their files.
    expected: number of delivered files by feed and outcome: "stored", "duplicate", "superseded" or a quarantine code;
        documents: of those that become a new document, by feed; faults: by fault. kpis: expected rows, at the end.
    announced: number of files. The last line is written if the context ends without an error.
    """

    def __init__(self, path: Path, domains: Sequence[LoadedDomain], facts: Mapping[str, Any]) -> None:
        private_folder(path.parent)
        self.path = path
        self.expected: dict[str, Counter[str]] = defaultdict(Counter)
        self.faults: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self.kpis: dict[str, list[Row]] = {}
        self.announced = 0
        self._file = path.open("xb", buffering=0)  # a written line survives the end of this process
        self._digest = hashlib.sha256()
        self._lock = Lock()
        self._opened = ExitStack()
        whole = [domain for domain in domains if not any(feed.has_receipts for feed in domain.feeds)]
        audits = [(domain, self._opened.enter_context(closing(Audit(domain)))) for domain in whole]
        self._audits = {feed.name: audit for domain, audit in audits for feed in domain.feeds}
        self._write([{"manifest": VERSION, **facts}])

    @contextmanager
    def record(self, feed: str, deliveries: Sequence[Delivery], also: Sequence[str] = ()) -> Iterator[None]:
        """Announce deliveries, and mark them as received when the context ends without an error.

        also: other outcomes that are right as well, where files race for a key or a writer may be too slow.
        """
        with self._lock:
            self._write([_line(feed, delivery, also) for delivery in deliveries])
            self.announced += len(deliveries)
        yield
        with self._lock:
            self._write([{"received": feed}])
            for delivery in deliveries:
                self.expected[feed][delivery.expected] += 1
                self.faults[delivery.fault] += 1
                if delivery.expected == STORED:
                    self.documents[feed] += not delivery.follows
                    if feed in self._audits:
                        self._audits[feed].add(feed, delivery.name, delivery.content)

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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._opened, self._file:
            if kind is None:
                for audit in set(self._audits.values()):
                    self.kpis |= audit.rows()
                self._write([{"end": {"files": self.expected, "kpis": self.kpis, "sha256": self._digest.hexdigest()}}])


@contextmanager
def recording(workspace: Workspace, command: str, producers: Sequence[Producer]) -> Iterator[Manifest]:
    """Record the deliveries of these producers in a new manifest, whose name begins with the time."""
    at = workspace.clock.now()
    facts = {name: value for producer in producers for name, value in producer.source.made_of.items()}
    path = folder(workspace) / f"{at:%Y%m%dT%H%M%S.%fZ}-{command}{SUFFIX}"
    with Manifest(path, workspace.domains, {"command": command, "at": at, **facts}) as manifest:
        for producer in producers:
            producer.recorder = manifest.record
        yield manifest
    if command != "demo" and not manifest.announced:  # it would be the latest, and say nothing
        path.unlink()


def folder(workspace: Workspace) -> Path:
    """The folder of the manifests."""
    return workspace.settings.data_dir / "manifests"


def choose(workspace: Workspace, names: Sequence[str]) -> list[Path]:
    """The manifests of these names: paths, "latest", or "all". Raises WrongSettings if there is none."""
    paths = sorted(folder(workspace).glob(f"*{SUFFIX}"))
    if not paths and {"latest", "all"} & set(names):
        raise WrongSettings(f"There is no manifest in {folder(workspace)}: `produce`, `demo` and `run` write one.")
    named = {"latest": paths[-1:], "all": paths}
    return list(dict.fromkeys(path for name in names for path in named.get(name, [Path(name)])))


def others(workspace: Workspace, chosen: Sequence[Path]) -> list[Path]:
    """The other manifests of the folder: "latest" is one of several runs."""
    return sorted(set(folder(workspace).glob(f"*{SUFFIX}")) - set(chosen))


def erase(workspace: Workspace, contents: Collection[tuple[str, str]]) -> int:
    """Remove the files of these feeds and digests from the manifests of runs that have ended; how many manifests.

    The KPIs of their last lines go too: they are computed from the archived files instead.
    """
    return sum(_erase(path, contents) for path in folder(workspace).glob(f"*{SUFFIX}"))


def _erase(path: Path, contents: Collection[tuple[str, str]]) -> bool:
    with suppress(WrongSettings):
        lines = list(read(path))
        left = [line for line in lines[:-1] if (line.get("feed"), line.get("sha256")) not in contents]
        if "end" in lines[-1] and len(left) < len(lines) - 1:
            content = b"".join(to_json(line) + b"\n" for line in left)
            end = {**lines[-1]["end"], "kpis": {}, "sha256": hashlib.sha256(content).hexdigest()}
            atomic_write(path, content + to_json({"end": end}) + b"\n", private=True)
            return True
    return False


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a manifest. Raises WrongSettings if it is none, or was changed since it was written.

    An incomplete last line is left by a killed process; it announced a file that was not delivered.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file):
                if not text.endswith(b"\n"):
                    return
                yield _parsed(number, text, digest.hexdigest())
                digest.update(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise WrongSettings(f"{path} is no usable manifest: {reason}.") from error


def _parsed(number: int, text: bytes, digest: str) -> dict[str, Any]:
    """A line, of this number from 0. digest: of the lines before it. Raises ValueError."""
    try:
        line: dict[str, Any] = json.loads(text)
        if len(line) == 1 and not line.keys() & {"manifest", "end"}:  # a mark; earlier versions named it otherwise
            line = {"received": next(iter(line.values()))}
        kind = next(name for name in ("manifest", "name", "received", "end") if name in line)
    except (ValueError, TypeError, AttributeError, StopIteration):
        raise ValueError(f"line {number + 1} is none of a manifest") from None
    if (number == 0) != (kind == "manifest"):
        raise ValueError("its first line does not identify it")
    if line.get("manifest", VERSION) != VERSION:
        raise ValueError(f"it is of version {line['manifest']}, and this program reads version {VERSION}")
    if "end" in line and line["end"]["sha256"] != digest:
        raise ValueError("it was changed since it was written")
    return line


def _line(feed: str, delivery: Delivery, also: Sequence[str]) -> dict[str, Any]:
    optional = {"fault": delivery.fault, "follows": delivery.follows, "also": list(also), "records": delivery.records}
    return {
        "feed": feed,
        "name": delivery.name,
        "sha256": hashlib.sha256(delivery.content).hexdigest(),
        "bytes": len(delivery.content),
        "expected": delivery.expected,
        **{name: value for name, value in optional.items() if value or value == 0},
    }
