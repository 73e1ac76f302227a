"""A person is erased from every place, wherever it is killed; what is of others stays, and `verify` is right."""

import gzip
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, LoadedDomain, Table
from multimarket_async.domains.bikes import BIKES
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.erasure import Erasing, Person
from multimarket_async.erasure.person import READ_BYTES
from multimarket_async.formats import Csv, Integer, Json, Text
from multimarket_async.landing import Landing, pack
from multimarket_async.proving.trial import on_trial
from multimarket_async.readers.verify import Report, verify
from multimarket_async.settings import Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Store

HER, HIM = "C-71", "C-7"  # the one ID begins with the other
LEDGER = {"orders": OrderSettings}


def order(number: int, client: str, **changed: Any) -> bytes:
    line = {"produit_id": "P1", "nom": "Stylo", "quantite": 2, "prix_unitaire": 1.5}
    document = {"order_id": str(number), "client_id": client, "produits": [line], "canal": "web"}
    more = {"date_commande": "2026-01-05T10:00:00", "statut_commande": "payée"}
    return json.dumps(
        {**document, **more, "livraison": {"adresse": f"{client} rue", "ville": "Fès"}, **changed}
    ).encode()


def follow_up(number: int) -> bytes:
    event = {"etat": "livrée", "date_etat": "2026-01-07T10:00:00"}
    return json.dumps({"order_id": str(number), "canal": "web", "suivi": event}).encode()


class Killed(BaseException):
    """The end of the process."""


@dataclass
class Place:
    """A data folder with its database. calls: so many writes are done, then the process ends."""

    domain: LoadedDomain
    folder: Path
    store: Store
    settings: Settings
    database: "Database[Any]"

    @property
    def feeds(self) -> list[tuple[Feed, Landing]]:
        return [(feed, Landing(self.folder, feed.name, feed.suffixes)) for feed in self.domain.feeds]

    def landing(self, name: str) -> Landing:
        return next(landing for feed, landing in self.feeds if feed.name == name)

    async def collect(self) -> None:
        await Collector(self.feeds, self.store, self.settings, Clock()).until_empty()

    async def measure(self) -> None:
        async with aclosing(Snapshotter([self.domain], self.store, Clock())) as snapshotter:
            await snapshotter.refresh()

    def erasing(self) -> Erasing:
        logs = [self.folder / "logs"]
        return Erasing(self.feeds, self.store, Clock(), logs=logs, key=self.folder / "erasures.key")

    async def erase(self, client: str) -> dict[str, Any]:
        erasing = self.erasing()
        everything = await erasing.find(client)
        receipt = await erasing.begin(everything)
        await erasing.remove(everything)
        async with aclosing(Snapshotter([self.domain], self.store, Clock())) as snapshotter:
            await snapshotter.forget(receipt.get("counts", {}).get("documents", {}))
        return await erasing.end(receipt)

    async def verified(self) -> Report:
        return await verify([self.domain], self.feeds, self.store, await self.store.newest(GENERATIONS) or {})

    def holding(self, text: str) -> list[str]:
        """The places that still have this text: files by name, collections."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        content = {path: path.read_bytes() for path in files}
        content = {path: gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw for path, raw in content.items()}
        collections = self.database.list_collections(filter={"type": "collection"})
        names = [found["name"] for found in collections if not found["name"].startswith("system.")]
        documents = {name: repr(list(self.database[name].find())) for name in names}
        found = [path.name for path, raw in content.items() if text.encode() in raw]
        return found + [name for name, stored in documents.items() if text in stored]


@pytest.fixture
async def shop(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[Place]:
    given = {"quiet_period_s": 0, "scan_every_s": 0.001}
    loaded = load(LEDGER, given, {}, tmp_path / "absent.toml")
    domain = ORDERS.under(loaded)
    domain = replace(domain, feeds=tuple(feed for feed in domain.feeds if feed.name == "site_web"))
    async with aclosing(Store(mongo_uri, database.name)) as store:
        place = Place(domain, tmp_path, store, loaded.of(Settings), database)
        for _, landing in place.feeds:
            landing.prepare()
        yield place


async def fill(shop: Place) -> None:
    """Orders of two persons, in every place that there is."""
    files = {"1.json": order(1, HER), "2.json": order(2, HIM), "3.json": order(3, HER), "again.json": order(3, HER)}
    files |= {"conflict.json": order(2, HER), "follow.json": follow_up(1), "other.json": follow_up(2)}
    files |= {
        "bad.json": order(4, HER, canal="fax"),
        "torn.json": order(5, HER)[:-9],
        "his.json": order(6, HIM, canal=HER),
    }
    for name, content in files.items():
        await shop.landing("site_web").deliver(name, content)
        await shop.collect()
    await shop.measure()
    await shop.landing("site_web").deliver("late.json", order(8, HER))
    await shop.landing("site_web").deliver("late_too.json", order(9, HIM))
    (shop.folder / "logs").mkdir()
    lines = [{"event": "file.quarantined", "file": name, "seconds": 71} for name in ("torn.json", "his.json")]
    lines += [{"event": "task.failed", "why": f"a document of {client} is too large"} for client in (HER, HIM)]
    (shop.folder / "logs" / "multimarket.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


async def check(shop: Place) -> None:
    """Nothing of hers is left but where he wrote her ID into a bad file; all of his is, and it agrees."""
    assert {*shop.holding(HER)} == {"his.json", "his.json.reason.json"}
    assert (await shop.verified()).differences == []
    assert [document["_id"] for document in shop.database["commandes"].find()] == ["web:2"]
    landing = shop.landing("site_web")
    assert {path.name.removesuffix(".gz") for path in landing.archive_files()} == {"2.json", "other.json"}
    assert [path.name for path in landing.waiting_files()] == ["late_too.json"]
    assert [file.path.name for file in landing.quarantine.each()] == ["his.json"]


async def test_a_person_is_erased_everywhere(shop: Place) -> None:
    """The KPIs of earlier generations counted her: their rows go, and the newest has those without her."""
    await fill(shop)
    receipt = await shop.erase(HER)
    await check(shop)
    counts = {"waiting": 1, "archived": 4, "quarantined": 3}
    assert receipt["counts"] == {
        **{place: {"site_web": number} for place, number in counts.items()},
        "documents": {"commandes": 2},
        "log_lines": 2,
    }
    assert [found["person"] for found in await shop.erasing().earlier(HER)] == [receipt["person"]]
    log = [json.loads(line) for line in (shop.folder / "logs" / "multimarket.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in log] == ["line.erased", "file.quarantined", "line.erased", "task.failed"]
    *earlier, newest = shop.database["kpi_snapshots"].find().sort("_id")
    rows = [entry["rows"] for generation in earlier for entry in generation["kpis"].values()]
    assert rows == [[]] * len(rows) != []
    assert [row["orders"] for row in newest["kpis"]["average_order_value_by_channel"]["rows"]] == [1]


def packed(landing: Landing) -> None:
    pack(landing.archived, date.max)


def compressed(landing: Landing) -> None:
    """As somebody does it who is short of room: gzip keeps the time."""
    for path in list(landing.archive_files()):
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        os.utime(path.with_name(f"{path.name}.gz"), ns=times)
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("kept", [packed, compressed])
async def test_an_archive_that_takes_less_room_is_reached(shop: Place, kept: Callable[[Landing], None]) -> None:
    await fill(shop)
    kept(shop.landing("site_web"))
    await shop.erase(HER)
    await check(shop)


async def test_a_preview_changes_nothing(shop: Place) -> None:
    await fill(shop)
    before = shop.holding(HER)
    assert (await shop.erasing().find("C")).counts() == {}
    assert sum((await shop.erasing().find(HER)).counts().values()) == 12
    assert shop.holding(HER) == before
    assert shop.database["erasures"].count_documents({}) == 0


@pytest.mark.slow
async def test_an_erased_file_that_comes_again_is_a_new_delivery(shop: Place) -> None:
    await fill(shop)
    await shop.erase(HER)
    await shop.landing("site_web").deliver("1.json", order(1, HER))
    await shop.collect()
    await shop.measure()
    assert shop.database["commandes"].count_documents({"client_id": HER}) == 1
    assert (await shop.verified()).differences == []


def dying(monkeypatch: pytest.MonkeyPatch, store: Store, after: int) -> Callable[[], int]:
    """The process ends after so many writes to disk and database; their number."""
    done = [0]

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def write(*given: Any, **named: Any) -> Any:
            if done[0] >= after:
                raise Killed
            done[0] += 1
            return work(*given, **named)

        return write

    for owner, names in ((Path, ("unlink", "replace")), (store, ("remove", "update", "insert_if_absent"))):
        for name in names:
            monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda: done[0]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [None, packed, compressed])
async def test_killed_at_any_point_it_is_completed_by_another_run(shop: Place, kept: Any) -> None:
    """And until then `verify` says that it is not finished, or nothing was removed."""
    await fill(shop)
    if kept:
        kept(shop.landing("site_web"))
    for writes in range(100):
        with pytest.MonkeyPatch.context() as patched:
            dying(patched, shop.store, writes)
            try:
                await shop.erase(HER)
            except Killed:
                pass
            else:
                break
        if shop.database["erasures"].count_documents({}):
            assert any("erasure" in sentence for sentence in (await shop.verified()).differences)
    assert writes > 5
    await shop.erase(HER)
    await check(shop)


VISITS = Csv({"visit": Text("_id"), "client": Text("client"), "pages": Integer("pages")})
ROWS = (f"v1,{HER},1", f"v2,{HIM},2", f"v3,{HER},many", f"v4,{HIM},é", f"v5,{HER},3", f'v6,"{HIM}",4')


def visits(table: Table, read: Any, suffix: str) -> LoadedDomain:
    feed = Feed("visits", table, read, (suffix,), records="many", on_bad_record="keep_rest", self_delimiting=False)
    return LoadedDomain("visits", (feed,), ())


def as_csv(rows: tuple[str, ...]) -> bytes:
    return "\r\n".join(["visit,client,pages", *rows, ""]).encode()


def as_json(rows: tuple[str, ...]) -> bytes:
    def record(row: str) -> dict[str, Any]:
        visit, client, pages = row.replace('"', "").split(",")
        return {"_id": visit, "client": client, "pages": pages}

    return json.dumps({"visits": [record(row) for row in rows]}).encode()


def made(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "pages": int(row["pages"])}


FORMS = {
    "csv": (".csv", VISITS.reader(dict), as_csv),
    "gzip": (".csv.gz", VISITS.reader(dict), lambda rows: gzip.compress(as_csv(rows))),
    "utf-16": (".csv", VISITS.reader(dict), lambda rows: as_csv(rows).decode().encode("utf-16")),
    "json": (".json", Json(at="/visits").reader(made), as_json),
}
FORMS |= {"packed": FORMS["csv"], "compressed": FORMS["json"]}
KEPT = {"packed": packed, "compressed": compressed}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "mode"), [*((form, "upsert") for form in FORMS), ("csv", "insert"), ("csv", "replace")]
)
async def test_files_of_many_records_are_rewritten(shop: Place, form: str, mode: Any) -> None:
    """The records of others stay, with their numbers and receipts; a second erasure of the same file too."""
    suffix, read, content = FORMS[form]
    shop.domain = visits(Table("visits", mode, person="client"), read, suffix)
    shop.landing("visits").prepare()
    for name, rows in {"1": ROWS, "2": (f"v1,{HER},9", "v7,C-9,1"), "3": (*ROWS, "v8,C-9,1"), "4": ROWS}.items():
        await shop.landing("visits").deliver(f"{name}{suffix}", content(rows))
        await shop.collect()
    await shop.measure()
    assert (await shop.verified()).differences == []
    KEPT.get(form, lambda _: None)(shop.landing("visits"))
    await shop.erase(HER)
    assert (shop.holding(HER), (await shop.verified()).differences) == ([], [])
    await shop.erase("C-9")
    assert (shop.holding("C-9"), (await shop.verified()).differences) == ([], [])
    assert {document["client"] for document in shop.database["visits"].find()} == {HIM}
    archived = [path.read_bytes() for path in shop.landing("visits").archive_files()]
    assert len({*archived}) == 1
    await shop.landing("visits").deliver(f"again{suffix}", content(ROWS))
    await shop.collect()
    assert (await shop.verified()).differences == []


@pytest.mark.slow
async def test_what_follows_from_an_erased_line_is_erased_too(mongo_uri: str, tmp_path: Path) -> None:
    """A rejected line of theirs is no finding any more; a line of theirs that came twice is no repeated one."""
    content = "CustomerKey,BirthDate,Gender,AnnualIncome\n1,25/12/1988,Male,1\n2,25/12/1988,Male,-1\n" + (
        "3,25/12/1988,Male,1\n" * 2
    )
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        [customers] = [landing for feed, landing in trial.feeds if feed.name == "bike_customers"]
        await customers.deliver("customers.csv", content.encode())
        await trial.collect()
        found = {}
        for client in ("", "2", "3"):
            erasing = Erasing(trial.feeds, trial.store, Clock(), logs=[], key=tmp_path / "erasures.key")
            if client:
                await erasing.remove(await erasing.find(client))
            outcome = await trial.outcome([])
            assert outcome.report.differences == []
            rows = [row for row in outcome.rows["bike_data_findings"] if row["file"] == "customers"]
            found[client] = {row["rule"]: row["lines"] for row in rows if row["lines"] and row["action"] != "flag"} | {
                row["rule"]: row["lines"] for row in rows if row["rule"] == "key_once"
            }
    assert found == {"": {"income_not_negative": 1, "key_once": 1}, "2": {"key_once": 1}, "3": {"key_once": 0}}


@pytest.mark.parametrize(
    ("client", "text", "named"),
    [
        ("4", "4 files wait", False), ("4", "client_id is '4'", True), ("4", "4", True), ("C-7", "of C-7.", True),
        ("C-7", "of C-71", False), ("C-7", "web:C-7", False), ("C-7", "C-7.json", False), ("a b", "of (a b),", True),
    ],
)  # fmt: skip
def test_an_id_is_a_word_of_its_own(client: str, text: str, named: bool) -> None:
    """In a sentence, a number is a count unless it is quoted."""
    assert Person(client).is_quoted_in(text) is named


@pytest.mark.parametrize(
    ("content", "theirs"),
    [
        (order(1, HIM, canal=HER), False), (order(1, HER, canal="fax"), True), (order(1, HER)[:-9], True),
        (order(1, "", canal=HER), True), (f"1;{HER};x".encode("utf-16"), True), (f"x{HER}".encode(), False),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_of_the_person_it_names(content: bytes, theirs: bool) -> None:
    """Or, if it names nobody, of the one whose ID is in it."""
    table = Table("commandes", person="client_id")
    assert Person(HER).is_named_in(table, content) is theirs


@pytest.mark.slow
def test_a_large_file_is_searched_piece_by_piece(tmp_path: Path) -> None:
    """Also for an ID that two pieces share."""
    with (tmp_path / "large").open("w+b") as file:
        file.write(b" " * (READ_BYTES - 2) + f"{HER} ".encode())
        for client, named in ((HER, True), (HIM, False)):
            file.seek(0)
            assert Person(client).is_named_in_stream(Table("commandes", person="client_id"), file) is named
