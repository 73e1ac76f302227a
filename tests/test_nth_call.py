"""Whatever call fails, once or until it is healed: the promises hold, the stages go on, the log stays short.

Each trial starts with one order archived and one bad file set aside, and delivers twelve files: orders, later
states of two, a duplicate, a conflict and bad files, two of them under names that are taken.
"""

import asyncio
import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import Landing
from multimarket_async.settings import Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Encoded, Outcome
from tests.corpus.case import good
from tests.faults import Fault, FaultyStore, Files, How, OneBeat

pytestmark = pytest.mark.slow

SUBJECT = ORDERS.under(load({"orders": OrderSettings}, {}, {}, Path("/nowhere")))
WEB, SHOP = "site_web", "boutique_physique"
FEEDS = [feed for feed in SUBJECT.feeds if feed.name in (WEB, SHOP)]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk to wait for, where it is given
STEP_S = 60  # nothing may hang

_in_shop = json.loads(good("2"))
del _in_shop["livraison"]


def _cancelled(number: str) -> bytes:
    suivi = {"etat": "annulée", "date_etat": "2026-02-01T10:00:00"}
    return json.dumps({"order_id": number, "canal": "web", "suivi": suivi}).encode()


BEFORE = {(WEB, "order.json"): good("0"), (WEB, "bad.json"): b'{"order_id": ""}'}
LOAD = {
    (WEB, "order.json"): good("1"),
    (WEB, "2.json"): good("2"),
    (WEB, "2 again.json"): good("2"),
    (WEB, "other.json"): good("0").replace(b"Casablanca", b"Rabat"),
    (WEB, "bad.json"): b'{"order_id": null}',
    (WEB, "cut.json"): good("3")[:100],
    (WEB, "link.json"): None,
    (WEB, "0 annulée.json"): _cancelled("0"),
    (WEB, "2 annulée.json"): _cancelled("2"),
    (SHOP, "2.json"): json.dumps({**_in_shop, "canal": "boutique"}).encode(),
    (SHOP, "bad.json"): b"{]",
    (SHOP, "order.json"): good("4"),
}
LINK = b"a link"
RECEIVED = Counter(content or LINK for content in [*BEFORE.values(), *LOAD.values()])
# The expected final state.
STORED = {"web:0": good("0"), "web:1": good("1"), "web:2": good("2"), "boutique:2": LOAD[SHOP, "2.json"]}
LATER = {"web:0 annulée": _cancelled("0"), "web:2 annulée": _cancelled("2")}
ARCHIVED = Counter([*STORED.values(), good("2"), *LATER.values()])
QUARANTINED = Counter(
    [
        ("bad.json", b'{"order_id": ""}', "empty_text"),
        ("bad.json", b'{"order_id": null}', "wrong_type"),
        ("other.json", LOAD[WEB, "other.json"], "conflict"),
        ("cut.json", LOAD[WEB, "cut.json"], "truncated"),
        ("link.json", LINK, "not_a_regular_file"),
        ("bad.json", b"{]", "syntax_error"),
        ("order.json", good("4"), "wrong_channel"),
    ]
)
REVENUE = [("boutique", 1, 17_000_00), ("web", 3, 17_000_00)]
EVENTS_PER_NAME, EVENTS = 10, 25  # in a trial of up to 50 rounds


class Kept(StrEnum):
    """A promise."""

    CONTENTS = "nothing lost, nothing twice"
    REASONS = "the right reasons"
    OTHERS = "nobody is blocked by another's fault"


@dataclass
class Trial:
    """One fault and its effects: broken promises, errors that escaped from a stage, logged events."""

    fault: Fault
    broken: list[tuple[Kept, str]] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    logged: Counter[str] = field(default_factory=Counter)

    def promise(self, kept: Kept, words: str, actual: object, expected: object) -> None:
        """Note a difference."""
        if actual != expected:
            self.broken.append((kept, f"{self.fault.met}: {words}: {actual} instead of {expected}"))


class Bench:
    """The parts under test, on a data folder and a database that are clean for each trial."""

    def __init__(self, folder: Path, store: FaultyStore, database: Database[Any]) -> None:
        self.folder, self.store, self.database = folder, store, database
        self.seconds = 0.0
        self._documents: list[dict[str, Any]] = []
        self.clock = Clock(now=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC), monotonic=lambda: self.seconds)
        self.landings = {feed.name: Landing(folder / "data", feed.name) for feed in FEEDS}

    async def prepare(self) -> None:
        """Start clean: the files collected before, and the load."""
        for name in self.database.list_collection_names(filter={"type": "collection"}):
            if not name.startswith("system."):
                self.database[name].delete_many({})
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.start()
        if self._documents:
            shutil.copytree(self.folder / "before", self.folder / "data")
            self.database["commandes"].insert_many(self._documents)
        else:
            await self._collect_before()
        self.deliver(LOAD)

    async def _collect_before(self) -> None:
        for landing in self.landings.values():
            landing.prepare()
        self.deliver(BEFORE)
        await self.collect()
        shutil.copytree(self.folder / "data", self.folder / "before")
        self._documents = list(self.database["commandes"].find())

    def start(self) -> None:
        """A new process, as it were."""
        channels = [(feed, self.landings[feed.name]) for feed in FEEDS]
        self.collector = Collector(channels, self.store, Settings(), self.clock)
        self.snapshotter = Snapshotter([SUBJECT], self.store, self.clock)

    def deliver(self, load: dict[tuple[str, str], bytes | None]) -> None:
        """Put files there as another program would."""
        for (feed, name), content in load.items():
            path = self.landings[feed].sources / name
            path.write_bytes(content) if content else path.symlink_to("/etc/hostname")

    async def collect(self) -> None:
        """Once round, 5 s later: longer than any patience."""
        self.seconds += 5
        await self.collector.run(OneBeat())

    async def measure(self) -> None:
        """Once round."""
        await self.snapshotter.run(1, OneBeat())

    def contents(self) -> Counter[bytes]:
        """Of every file of ours that waits, is archived, or is set aside."""
        found = self.archived()
        for landing in self.landings.values():
            found.update(_content(file.path) for file in landing.waiting())
            found.update(_content(file.path) for file in landing.quarantine.list())
        return found

    def archived(self) -> Counter[bytes]:
        return Counter(_content(path) for landing in self.landings.values() for path in landing.archive_files())

    def quarantined(self) -> Counter[tuple[str, bytes, str]]:
        listed = [file for landing in self.landings.values() for file in landing.quarantine.list()]
        return Counter((file.reason.get("file", "?"), _content(file.path), file.reason["code"]) for file in listed)

    def orphans(self) -> list[str]:
        """Reasons without their file."""
        reasons = [
            path for landing in self.landings.values() for path in landing.quarantine.folder.glob("*.reason.json")
        ]
        return [path.name for path in reasons if not os.path.lexists(str(path).removesuffix(".reason.json"))]

    def waiting(self) -> list[str]:
        return [file.name for landing in self.landings.values() for file in landing.waiting()]

    def stored(self) -> dict[str, str]:
        """Digests of orders by key, and of follow-ups by key and state."""
        found = {}
        for document in self.database["commandes"].find():
            found[document["_id"]] = document["ingestion"].get("sha256", "")
            later = (event for event in document.get("suivi", []) if "ingestion" in event)
            found |= {f"{document['_id']} {event['etat']}": event["ingestion"]["sha256"] for event in later}
        return found


def _content(path: Path) -> bytes:
    return LINK if path.is_symlink() else path.read_bytes()


def _digest(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()


# --- One trial --------------------------------------------------------------------------------

Step = Callable[[], Awaitable[None]]


async def _trial(bench: Bench, steps: list[Step], fault: Fault, inject: Callable[[Fault | None], None]) -> Trial:
    """With the load delivered: inject the fault, heal it, continue."""
    trial = Trial(fault)
    await bench.prepare()
    with capture_logs() as logs:
        if bench.measure in steps:
            await bench.measure()
        inject(fault)
        for _ in range(_rounds(fault)):
            await _try(trial, bench, steps)
        inject(None)
        _check_meanwhile(trial, bench)
        for _ in range(2):
            await _try(trial, bench, steps)
        if fault.how != How.ONCE:
            await _send_back(bench, steps)
    trial.logged = Counter(entry["event"] for entry in logs)
    _check_in_the_end(trial, bench, steps)
    return trial


def _rounds(fault: Fault) -> int:
    """The length of a fault in rounds; a very long one shows events that would flood the log."""
    if fault.how == How.ONCE:
        return 2
    return 50 if fault.n % 16 == 1 else 3


async def _try(trial: Trial, bench: Bench, steps: list[Step]) -> None:
    for step in steps:
        try:
            async with asyncio.timeout(STEP_S):
                await step()
        except Exception as error:  # noqa: BLE001 - whatever it is, it would have ended the process
            trial.escaped.append(f"{trial.fault.met}: {error!r}")
            bench.start()


async def _send_back(bench: Bench, steps: list[Step]) -> None:
    """An order that nobody could read for long is set aside; mended, it takes the way back."""
    for landing in bench.landings.values():
        for file in landing.quarantine.list():
            if file.reason["code"] == "unreadable":
                landing.quarantine.replay(file, bench.clock.now())
    for _ in range(2):
        for step in steps:
            await step()


def _check_meanwhile(trial: Trial, bench: Bench) -> None:
    trial.promise(Kept.CONTENTS, "every file is somewhere, once", bench.contents(), RECEIVED)
    archived = {_digest(content) for content in bench.archived()}
    trial.promise(Kept.CONTENTS, "archived and not stored", archived - set(bench.stored().values()), set())
    if trial.fault.how == How.ONE_PATH:
        trial.promise(Kept.OTHERS, "blocked", _blocked(bench, os.fsdecode(trial.fault.path)), [])


def _blocked(bench: Bench, faulty: str) -> list[str]:
    """Files that wait though no fault hits them; a fault of a folder hits all files of its feed."""
    own_file = [(feed, name) for feed, name in LOAD if faulty == str(bench.landings[feed].sources / name)]
    hit = [feed for feed in bench.landings if f"/{feed}" in faulty]
    waiting = [(feed, file.name) for feed in bench.landings for file in bench.landings[feed].waiting()]
    return [
        f"{feed}/{name}" for feed, name in waiting if (feed, name) not in own_file and (own_file or feed not in hit)
    ]


def _check_in_the_end(trial: Trial, bench: Bench, steps: list[Step]) -> None:
    trial.promise(
        Kept.CONTENTS, "stored", bench.stored(), {key: _digest(content) for key, content in (STORED | LATER).items()}
    )
    trial.promise(Kept.CONTENTS, "archived", bench.archived(), ARCHIVED)
    aside = Counter(content for _, content, _ in QUARANTINED)
    trial.promise(Kept.CONTENTS, "set aside", bench.contents() - bench.archived(), aside)
    trial.promise(Kept.REASONS, "set aside", bench.quarantined(), QUARANTINED)
    trial.promise(Kept.REASONS, "reasons without a file", bench.orphans(), [])
    trial.promise(Kept.CONTENTS, "waiting", bench.waiting(), [])
    if bench.measure in steps:
        _check_generations(trial, bench)


def _check_generations(trial: Trial, bench: Bench) -> None:
    generations = list(bench.database["kpi_snapshots"].find(sort=[("_id", 1)]))
    orders = [generation["documents"]["orders"] for generation in generations]
    trial.promise(
        Kept.CONTENTS,
        "numbers",
        [generation["_id"] for generation in generations],
        list(range(1, len(generations) + 1)),
    )
    trial.promise(Kept.CONTENTS, "orders only grow", orders, sorted(orders))
    rows = generations[-1]["kpis"]["revenue_by_month_and_channel"]["rows"]
    trial.promise(
        Kept.CONTENTS, "revenue", [(row["channel"], row["orders"], row["revenue_minor"]) for row in rows], REVENUE
    )
    shown = {kpi.name: len(list(bench.database[f"kpi_{kpi.name}"].find())) for kpi in SUBJECT.kpis}
    kept = {kpi.name: len(generations[-1]["kpis"][kpi.name]["rows"]) for kpi in SUBJECT.kpis}
    trial.promise(Kept.CONTENTS, "rows of views", shown, kept)


# --- Files ------------------------------------------------------------------------------------


# EIO fits every call, the others some. The lack of room or of descriptors hits all paths alike.
FAULTS = [
    *((errno.EIO, how) for how in How),
    *((number, how) for number in (errno.ENOSPC, errno.EMFILE) for how in (How.ONCE, How.ALWAYS)),
    (errno.EACCES, How.ALWAYS),
]


WITH_EACH_FAULT = pytest.mark.parametrize(
    "file_trials",
    [pytest.param(of, id=f"{errno.errorcode[of[0]]} {of[1]}") for of in FAULTS],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module")
async def file_trials(request: pytest.FixtureRequest, mongo_uri: str) -> list[Trial]:
    """A trial for each call on a file that this error fits; made one by one, as those in C pass by these faults.

    Real ones hit them in landing/test_files_faults.py.
    """
    number, how = request.param
    async with _bench(mongo_uri) as bench:
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
            files = Files(bench.folder / "data", number)
            files.patch(monkeypatch)
            each = 1 if (number, how) == (errno.EIO, How.ONCE) else 3  # the others meet the same calls
            return await _all(bench, [bench.collect], how, lambda fault: setattr(files, "fault", fault), each)


@asynccontextmanager
async def _bench(mongo_uri: str) -> AsyncIterator[Bench]:
    name = f"nth_{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, pymongo.MongoClient(mongo_uri) as client:
        async with aclosing(FaultyStore(mongo_uri, name)) as store:
            yield Bench(Path(folder), store, client[name])
        client.drop_database(name)


async def _all(
    bench: Bench, steps: list[Step], how: How, inject: Callable[[Fault | None], None], each: int = 1
) -> list[Trial]:
    """Trials of each call, or of each second or third."""
    trials: list[Trial] = []
    while not trials or trials[-1].fault.met:
        trials.append(await _trial(bench, steps, Fault(each * len(trials) + 1, how), inject))
    return trials


@WITH_EACH_FAULT
def test_no_file_is_lost_whatever_call_fails(file_trials: list[Trial]) -> None:
    """Each order is stored once, each file archived or set aside, and nothing archived that is not stored."""
    assert _broken(file_trials, Kept.CONTENTS) == []


@WITH_EACH_FAULT
def test_each_bad_file_has_its_own_reason(file_trials: list[Trial]) -> None:
    """That of its content, and no reason is left without its file."""
    assert _broken(file_trials, Kept.REASONS) == []


@WITH_EACH_FAULT
def test_nobody_is_blocked_by_anothers_fault(file_trials: list[Trial]) -> None:
    """A file that cannot be read or moved holds up no other; a folder that cannot be listed, no other feed."""
    assert _broken(file_trials, Kept.OTHERS) == []


@WITH_EACH_FAULT
def test_no_failing_call_ends_the_collector(file_trials: list[Trial]) -> None:
    """It goes on by itself."""
    assert [escaped for trial in file_trials for escaped in trial.escaped] == []


@WITH_EACH_FAULT
def test_a_failing_call_does_not_flood_the_log(file_trials: list[Trial]) -> None:
    """However long it lasts."""
    assert [(trial.fault.met, trial.logged) for trial in file_trials if _floods(trial)] == []


@WITH_EACH_FAULT
def test_the_calls_were_met(file_trials: list[Trial]) -> None:
    """Else the others say nothing: a call for each of the ten files at least."""
    assert len(file_trials) > 10


# --- MongoDB ----------------------------------------------------------------------------------


@pytest.fixture(
    scope="module",
    params=[(answer_lost, how) for answer_lost in (False, True) for how in (How.ONCE, How.ALWAYS)],
    ids=lambda of: f"{'answer lost' if of[0] else 'not executed'} {of[1]}",
)
async def store_trials(request: pytest.FixtureRequest, mongo_uri: str) -> list[Trial]:
    """A trial for each second call of a verb of the store, or each third."""
    answer_lost, how = request.param
    async with _bench(mongo_uri) as bench:
        bench.store.answer_lost = answer_lost
        each = 2 if how == How.ONCE else 3
        return await _all(
            bench, [bench.collect, bench.measure], how, lambda fault: setattr(bench.store, "fault", fault), each
        )


def test_nothing_is_lost_or_doubled_whatever_verb_fails(store_trials: list[Trial]) -> None:
    """Executed or not: each order once, generations whole, one after the other, and right."""
    assert [broken for kept in Kept for broken in _broken(store_trials, kept)] == []


def test_no_failing_verb_ends_a_stage(store_trials: list[Trial]) -> None:
    """Collector and snapshotter go on by themselves."""
    assert [escaped for trial in store_trials for escaped in trial.escaped] == []


def test_a_failing_verb_does_not_flood_the_log(store_trials: list[Trial]) -> None:
    """One line when MongoDB goes, one when it is back."""
    assert [(trial.fault.met, trial.logged) for trial in store_trials if _floods(trial)] == []


def test_the_verbs_were_met(store_trials: list[Trial]) -> None:
    """Else the others say nothing."""
    assert len(store_trials) > 5


# --- A file that takes another's name ---------------------------------------------------------


async def test_a_newcomer_is_not_archived_unread_whatever_call_fails(mongo_uri: str) -> None:
    """Renamed over the file in hand while that is being inserted: read and stored in its turn."""
    unread, fault = [], Fault(1, How.ONCE)
    async with _bench(mongo_uri) as bench:
        with capture_logs(), pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
            files = Files(bench.folder / "data", errno.EIO)
            files.patch(monkeypatch)
            while fault.n == 1 or fault.met:
                fault = Fault(fault.n + 2, How.ONCE)
                await bench.prepare()
                _take_its_name(bench, files, "2.json", good("9"))
                files.fault = fault
                await bench.collect()
                files.fault = None
                await bench.collect()
                await bench.collect()
                if bench.archived()[good("9")] and "web:9" not in bench.stored():
                    unread.append(fault.met)
    assert unread == []


def _take_its_name(bench: Bench, files: Files, name: str, content: bytes) -> None:
    """Rename a new file over that one, at the next insert."""
    path = bench.landings[WEB].sources / name

    async def insert(collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        del bench.store.insert
        fault, files.fault = files.fault, None
        hidden = path.with_name(".new")
        hidden.write_bytes(content)
        hidden.replace(path)
        files.fault = fault
        return await bench.store.insert(collection, documents)

    bench.store.insert = insert  # type: ignore[method-assign]


def _broken(trials: list[Trial], kept: Kept) -> list[str]:
    return [words for trial in trials for promise, words in trial.broken if promise == kept]


def _floods(trial: Trial) -> bool:
    return trial.logged.total() > EVENTS or max(trial.logged.values(), default=0) > EVENTS_PER_NAME
