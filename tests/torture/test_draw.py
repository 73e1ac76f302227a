"""What is drawn: the same again from a seed, everything sooner or later, and each bad file is bad as it says."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from multimarket_async.domains import discover, settings_models
from multimarket_async.errors import Rejected
from multimarket_async.settings import load
from multimarket_async.torture import faults
from multimarket_async.torture import load as loads
from multimarket_async.torture.delivered import expected_document
from multimarket_async.torture.history import Way
from multimarket_async.torture.invalid import BEGIN_WELL, INVALID, delivery_code

LOADED = load(settings_models(), {}, {})
FEEDS = [feed for domain in discover() for feed in domain.under(LOADED).feeds]
UNREAD = {"too large"}  # set aside by its size


def drawn(seed: int, number: int) -> tuple[list[Any], faults.Faults]:
    rng = Random(f"{seed}:{number}")
    return loads.draw(rng, FEEDS, seed, number), faults.draw(rng)


def test_a_round_is_the_same_again() -> None:
    """Load and faults; so a failing seed can be replayed."""
    assert drawn(3, 14) == drawn(3, 14)
    assert drawn(3, 14) != drawn(3, 15)
    assert drawn(3, 14) != drawn(4, 14)


def test_every_fault_is_drawn_sooner_or_later() -> None:
    """200 rounds have all of them; none at hand is never used."""
    rounds = [drawn(1, number)[1] for number in range(200)]
    struck = {strike.name for one in rounds for strikes in one.victims for strike in strikes}
    assert struck == {point.name for point in (*faults.KILLS, *faults.TROUBLES)}
    blows = {blow.name for one in rounds for blow in one.blows}
    assert blows == {faults.MONGOD_KILLED, faults.MONGOD_PAUSED, faults.DIRECTORY_REMOVED}
    assert {one.together for one in rounds} == {True, False}
    assert any(back for one in rounds for back in one.clocks_back_s)


def test_every_kind_of_file_is_drawn_sooner_or_later() -> None:
    """Copies, contradictions, every way of writing, every kind of bad file."""
    parcels = [parcel for number in range(100) for parcel in drawn(1, number)[0]]
    assert {parcel.way for parcel in parcels} == set(Way)
    codes = {code for code, _ in INVALID.values() if code}
    assert {parcel.code for parcel in parcels if parcel.code} >= codes
    contents = Counter(parcel.key for parcel in {(p.key, p.content): p for p in parcels if p.key}.values())
    deliveries = Counter(parcel.key for parcel in parcels if parcel.key)
    assert max(contents.values()) == 2
    assert any(deliveries[key] > contents[key] for key in deliveries)


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
@pytest.mark.parametrize("kind", sorted(INVALID.keys() - UNREAD))
def test_a_bad_file_is_bad_as_it_says(kind: str, feed: Any) -> None:
    """The codes are written down here a second time: that is what makes them expectations."""
    order = loads.simulated(feed, 1, 7)
    code, corrupt = INVALID[kind]
    with pytest.raises(Rejected) as rejected:
        feed.parse(corrupt(order))
    assert rejected.value.code == (code or delivery_code(order))


@pytest.mark.parametrize("kind", sorted(INVALID.keys() - BEGIN_WELL))
def test_no_beginning_of_a_bad_file_is_a_good_order(kind: str) -> None:
    """Else a slow writer's file could rightly be taken for one."""
    content = INVALID[kind][1](loads.simulated(FEEDS[0], 1, 7))
    for cut in range(len(content)):
        with pytest.raises(Rejected):
            FEEDS[0].parse(content[:cut])


def test_what_is_expected_in_mongodb_agrees_with_the_domain() -> None:
    """Two paths from bytes to a document: the domain's and the harness's own."""
    good = [parcel for number in range(20) for parcel in drawn(1, number)[0] if parcel.key]
    parse = {feed.name: feed.parse for feed in FEEDS}
    for parcel in good:
        [document] = parse[parcel.feed](parcel.content)
        expected = expected_document(parcel)
        assert {**document, "ingestion": expected["ingestion"]} == expected
