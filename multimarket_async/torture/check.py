"""After a round: where is every file, what is stored, and does it say what was delivered."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multimarket_async.domains import Feed
from multimarket_async.landing import Landing
from multimarket_async.torture.delivered import differences, early_differences
from multimarket_async.torture.history import History, Parcel, Received, Violation, files_in, fingerprint

REASON = ".reason.json"
Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """One channel's files as they lie after the drain, by fingerprint."""

    waiting: list[str]
    archived: Counter[str]
    set_aside: dict[str, list[dict[str, Any]]]
    names: dict[str, Path] = field(repr=False)

    @property
    def everything(self) -> Counter[str]:
        """All of them, wherever they are."""
        return self.archived + Counter({one: len(reasons) for one, reasons in self.set_aside.items()})


def found(landing: Landing) -> Found:
    """Look at one channel."""
    names: dict[str, Path] = {}
    archived: Counter[str] = Counter()
    set_aside: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in files_in(landing.archived):
        names[fingerprint(path)] = path
        archived[fingerprint(path)] += 1
    for one in landing.quarantine.list():
        names[fingerprint(one.path)] = one.path
        set_aside[fingerprint(one.path)].append(one.reason)
    return Found([path.name for path in files_in(landing.sources)], archived, set_aside, names)


def check(
    channels: Iterable[tuple[Feed, Landing]], history: History, documents: Documents, quiet_period_s: float
) -> Iterator[Violation]:
    """Every violation of promises 1 to 6, file by file and order by order."""
    for feed, landing in channels:
        look = found(landing)
        yield from _conserved(feed.name, look, history)
        yield from _reasons(feed.name, look, history, documents, quiet_period_s)
    places = {landing.feed: found(landing) for _, landing in channels}
    orders, follow_ups = history.by_key(), history.follow_ups()
    for key, received in orders.items():
        look = places[received[0].parcel.feed]
        yield from _order(key, received, documents.get(key), look, _accepted(follow_ups.get(key, []), look))
    for key in follow_ups.keys() - {key for key in orders if _is_order(documents.get(key))}:
        look = places[follow_ups[key][0].parcel.feed]
        for what in early_differences(_accepted(follow_ups[key], look), documents.get(key)):
            yield Violation(what, follow_ups[key][0].parcel.feed, key=key)
    for key in documents.keys() - orders.keys() - follow_ups.keys():
        yield Violation("a document is stored that nobody delivered", key=key)


def _accepted(follow_ups: Iterable[Received], look: Found) -> list[Parcel]:
    """Those that are in the archive; the others were set aside because their writer paused too long."""
    return [one.parcel for one in follow_ups if look.archived[one.parcel.sha256]]


def _is_order(document: dict[str, Any] | None) -> bool:
    return document is not None and "sha256" in document.get("ingestion", {})


def _conserved(feed: str, look: Found, history: History) -> Iterator[Violation]:
    """Received = archived + quarantined, byte for byte."""
    received = Counter(one.parcel.fingerprint for one in history.of_feed(feed))
    names = {one.parcel.fingerprint: one.parcel.name for one in history.of_feed(feed)}
    for name in look.waiting:
        yield Violation("still waiting after the drain", feed, name)
    for one in (received - look.everything).elements():
        yield Violation(f"lost: received {received[one]} times, found {look.everything[one]} times", feed, names[one])
    for one in (look.everything - received).elements():
        yield Violation("a file that nobody received, or not with these bytes", feed, str(look.names[one]))


def _reasons(
    feed: str, look: Found, history: History, documents: Documents, quiet_period_s: float
) -> Iterator[Violation]:
    """Every file in quarantine has a code it may have, and no bad file is in the archive."""
    received = {one.parcel.fingerprint: one for one in history.of_feed(feed)}
    for mark, reasons in look.set_aside.items():
        for reason in reasons if mark in received else ():
            yield from _reason(received[mark], reason, documents, quiet_period_s)
    for mark in look.archived.keys() & received.keys():
        if received[mark].parcel.code:
            yield Violation(f"archived, although it is {received[mark].parcel.code}", feed, str(look.names[mark]))


def _reason(one: Received, reason: dict[str, Any], documents: Documents, quiet_period_s: float) -> Iterator[Violation]:
    parcel = one.parcel
    if reason["code"] == "conflict" and parcel.key:
        stored = documents.get(parcel.key, {}).get("ingestion", {}).get("sha256")
        told = {name: reason.get(name) for name in ("key", "sha256_stored", "sha256_delivered")}
        expected = {"key": parcel.key, "sha256_stored": stored, "sha256_delivered": parcel.sha256}
        if told != expected or stored == parcel.sha256:
            yield Violation(f"a conflict that is none: {told}", parcel.feed, parcel.name, parcel.key)
    elif reason["code"] not in one.codes(quiet_period_s):
        expected_codes = " or ".join(sorted(one.codes(quiet_period_s))) or "no reason at all"
        what = f"set aside as {reason['code']}, expected {expected_codes}"
        yield Violation(what, parcel.feed, parcel.name, parcel.key or "")


def _order(
    key: str,
    received: Sequence[Received],
    document: dict[str, Any] | None,
    look: Found,
    follow_ups: Sequence[Parcel],
) -> Iterator[Violation]:
    """An order is stored once, its deliveries with the same bytes are archived, those with others are set aside."""
    parcel = received[0].parcel
    if document is None or not _is_order(document):
        if sum(len(look.set_aside.get(one.parcel.sha256, ())) for one in received) < len(received):
            yield Violation("an accepted order is not stored", parcel.feed, parcel.name, key)
        return
    stored = str(document.get("ingestion", {}).get("sha256"))
    for one in received:
        for what in _delivery(one, document, stored, look, follow_ups):
            yield Violation(what, parcel.feed, one.parcel.name, key)
    if stored not in {one.parcel.sha256 for one in received}:
        yield Violation(f"stored with the digest {stored} of no received file", parcel.feed, parcel.name, key)
    elif not look.archived[stored]:
        yield Violation("stored, but its file is not in the archive", parcel.feed, parcel.name, key)


def _delivery(
    one: Received, document: dict[str, Any], stored: str, look: Found, follow_ups: Sequence[Parcel]
) -> Iterator[str]:
    """What is wrong about one delivery of an order that is stored from the file with the digest `stored`."""
    if one.stored_before not in (None, stored):
        yield "an order gave way to a later one with its key"
    if one.parcel.sha256 == stored:
        yield from differences(one.parcel, follow_ups, document)
    elif look.archived[one.parcel.sha256]:
        yield "archived, but not stored"
