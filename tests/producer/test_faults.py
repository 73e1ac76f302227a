"""Deliveries with faults: at the given rates, each labelled with its expected outcome."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.clock import Clock
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected, WrongSettings
from multimarket_async.landing import Landing, files
from multimarket_async.producer import Period, Producer
from multimarket_async.producer.faults import Source
from multimarket_async.settings import Settings
from multimarket_async.simulation import Delivery
from tests.files import read

FEEDS = {feed.name: feed for feed in ORDERS.declare(OrderSettings()).feeds}
PERIOD = Period.before(datetime(2026, 5, 1, tzinfo=UTC), "24months")


def source(text: str, feed: str = "site_web", seed: int = 1) -> Source:
    return Source(FEEDS[feed], Settings(seed=seed, faults=text))


def deliveries(text: str, count: int, **which: Any) -> list[tuple[Delivery, Delivery | None]]:
    one = source(text, **which)
    return [one.deliveries(number, PERIOD.earliest, PERIOD.latest) for number in range(count)]


def test_faults_occur_at_their_rates() -> None:
    """Each of them; the others are left alone."""
    found: Counter[str] = Counter()
    for item, later in deliveries("duplicate=0.2, conflict=0.1, torn=0.05, late=0.05, bad=0.1", 4000):
        found[later.fault if later else item.fault if item.expected == "stored" else "bad"] += 1
    expected = {"duplicate": 0.2, "conflict": 0.1, "torn": 0.05, "late": 0.05, "bad": 0.1, "": 0.5}
    assert {fault: count / 4000 for fault, count in found.items()} == pytest.approx(expected, abs=0.03)


def test_the_same_seed_has_the_same_faults() -> None:
    """However many were made before; another seed or channel has others."""
    text = "duplicate=0.3, bad=0.3"
    assert deliveries(text, 50) == deliveries(text, 60)[:50]
    patterns = {
        tuple(bool(delivery.fault or copy) for delivery, copy in deliveries(text, 50, **which))
        for which in ({}, {"seed": 2}, {"feed": "application_mobile"})
    }
    assert len(patterns) == 3


def test_without_faults_nothing_changes() -> None:
    """The bytes are those of the simulator."""
    [(one, later)] = deliveries("", 1)
    assert (one, later) == (FEEDS["site_web"].simulate(1, 0, PERIOD.earliest, PERIOD.latest), None)


@pytest.mark.parametrize("feed", FEEDS)
def test_every_bad_file_has_the_code_it_is_labelled_with(feed: str) -> None:
    """Each way that its channel knows, as the domain itself rejects it."""
    one = FEEDS[feed]
    for kind in one.corruptions.invalid:
        [(delivery, later)] = deliveries(f"{kind}=1", 1, feed=feed)
        with pytest.raises(Rejected) as rejected:
            read(one, delivery.content)
        assert (rejected.value.code, kind, None) == (delivery.expected, delivery.fault, later)


@pytest.mark.parametrize(
    "rules", [OrderSettings(delivery_required=()), OrderSettings(order_statuses=("payee", "annulée"))]
)
def test_what_the_rules_allow_is_no_way_to_be_bad(rules: OrderSettings) -> None:
    """Orders without a delivery, a status of another spelling."""
    for feed in ORDERS.declare(rules).feeds:
        for number, corrupt in enumerate(feed.corruptions.invalid.values()):
            content, code = corrupt(feed.simulate(1, number, PERIOD.earliest, PERIOD.latest).content)
            with pytest.raises(Rejected) as rejected:
                read(feed, content)
            assert rejected.value.code == code


def test_a_duplicate_is_the_same_bytes_and_a_conflict_the_same_key() -> None:
    """Both come after the first one, which is stored."""
    [(one, again)] = deliveries("duplicate=1", 1)
    assert (one.expected, again.expected, again.content) == ("stored", "duplicate", one.content)
    [(one, other)] = deliveries("conflict=1", 1)
    keys = [read(FEEDS["site_web"], each.content)[0]["_id"] for each in (one, other)]
    assert (one.expected, other.expected, keys[0] == keys[1]) == ("stored", "conflict", True)
    assert one.content != other.content


@pytest.mark.parametrize(("fault", "shift"), [("late", timedelta(days=-30)), ("skew", timedelta(hours=2))])
def test_late_orders_and_fast_clocks_are_dated_so(fault: str, shift: timedelta) -> None:
    """A valid order all the same."""
    now = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
    one, _ = source(f"{fault}=1").deliveries(0, now, now)
    assert (one.fault, one.expected) == (fault, "stored")
    assert datetime.fromisoformat(json.loads(one.content)["date_commande"]) == (now + shift).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("duplicat=0.1", "There is no fault duplicat in site_web. Did you mean duplicate?"),
        ("xyz=0.1", "There is no fault xyz in site_web. There are duplicate, torn, "),
        ("duplicate=many", "expected rates such as duplicate=0.02"),
        ("duplicate", "expected rates such as duplicate=0.02"),
        ("duplicate=0.6,bad=0.6", "rates are shares of all deliveries, 0 to 1 in sum"),
        ("duplicate=-1", "rates are shares of all deliveries"),
        ("duplicate=nan", "rates are shares of all deliveries"),
    ],
)
def test_wrong_rates_are_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(WrongSettings) as stop:
        source(text)
    assert sentence in str(stop.value)


def producer(folder: Path, text: str) -> Producer:
    landing, feed = Landing(folder, "site_web"), FEEDS["site_web"]
    landing.prepare()
    return Producer(feed, landing, Settings(faults=text), Clock())


async def test_a_burst_with_faults_is_delivered_and_counted(tmp_path: Path) -> None:
    """Copies come on top, each under a name of its own; torn files are whole in the end."""
    one = producer(tmp_path, "duplicate=0.2, conflict=0.1, torn=0.2")
    await one.burst(600, PERIOD)
    contents = [path.read_bytes() for path in (tmp_path / "sources/site_web").glob("[!.]*")]
    assert len(contents) == one.delivered == 600 + one.expected["duplicate"] + one.expected["conflict"]
    assert len(set(contents)) == 600 + one.expected["conflict"]
    assert all(json.loads(content) for content in contents)
    assert 80 < one.expected["duplicate"] < 160


async def test_copies_are_younger_than_what_they_copy(tmp_path: Path) -> None:
    """So the collector, oldest first, meets the original first, whatever their names."""
    one = producer(tmp_path, "conflict=1")
    await one.burst(20, PERIOD)
    changed = {path.name: path.stat().st_ctime_ns for path in (tmp_path / "sources/site_web").glob("[!.]*")}
    originals = [time for name, time in changed.items() if name.count(".") == 1]
    copies = [time for name, time in changed.items() if name.count(".") == 2]
    assert (len(originals), len(copies)) == (20, 20)
    assert max(originals) < min(copies)


def test_a_torn_file_is_seen_unfinished_and_then_whole(tmp_path: Path) -> None:
    """Under its own name."""
    with files.torn(tmp_path, "a.json", b"[1, 2]"):
        assert (tmp_path / "a.json").read_bytes() == b"[1,"
    assert (tmp_path / "a.json").read_bytes() == b"[1, 2]"
