"""What is received in a round: good orders, copies, contradictions, bad files, slow writers; drawn from its seed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from multimarket_async.domains import Feed
from multimarket_async.torture.delivered import LIFE
from multimarket_async.torture.history import Parcel, Way
from multimarket_async.torture.invalid import BEGIN_WELL, INVALID, delivery_code, written

EARLIEST, LATEST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
NUMBERS_PER_ROUND = 100
QUEUED_NAME = "ticket.json"
BOM = b"\xef\xbb\xbf"
_RECEIVED_WITHIN_S = 0.35
_TWICE, _NEVER = 0.15, 0.1  # how often, of 1, a follow-up comes again, or its order not at all
_ODD = 0.1  # how often, of 1, a link or a pipe lies there


def draw(rng: Random, feeds: Sequence[Feed], seed: int, number: int) -> list[Parcel]:
    """The parcels of round `number`."""
    good = [parcel for feed in feeds for parcel in _good(rng, feed, seed, number)]
    parcels = [*good, *_copies(rng, good), *_contradictions(rng, good)]
    for feed in feeds:
        parcels += _bad(rng, feed, seed, number)
    rng.shuffle(parcels)
    own = Random(f"{seed}:{number}:lives")  # noqa: S311 - so that the other files are those of a round without lives
    return [*parcels, *_lives(own, good)]


def _good(rng: Random, feed: Feed, seed: int, number: int) -> Iterator[Parcel]:
    """Channels draw the same order numbers, as real ones did."""
    first = number * NUMBERS_PER_ROUND % 900_000
    for which in range(first, first + rng.randint(5, 30)):
        order = simulated(feed, seed, which)
        key = f"{order['canal']}:{order['order_id']}"
        way, content = _way(rng), _as_written(rng, order)
        name = QUEUED_NAME if way is Way.QUEUED else f"{order['order_id']}.json"
        if way in (Way.SLOW, Way.STALLED):
            content = content.rstrip()  # without its last line break it is whole already, for any reader
        yield Parcel(feed.name, name, content, key, way=way, at_s=_soon(rng))


def simulated(feed: Feed, seed: int, number: int) -> dict[str, Any]:
    """Order `number` of this channel."""
    if feed.simulate is None:
        raise ValueError(f"{feed.name} cannot be simulated")
    order: dict[str, Any] = json.loads(feed.simulate(seed, number, EARLIEST, LATEST).content)
    return order


def _way(rng: Random) -> Way:
    return rng.choices([Way.WHOLE, Way.QUEUED, Way.SLOW, Way.STALLED], [85, 9, 5, 0.4])[0]


def _soon(rng: Random) -> float:
    return rng.uniform(0, _RECEIVED_WITHIN_S)


def _as_written(rng: Random, order: dict[str, Any]) -> bytes:
    """One of the many ways in which systems write the same thing."""
    match rng.randrange(8):
        case 0:
            return BOM + written(order)
        case 1:
            return json.dumps({**order, "order_id": str(order["order_id"])}, indent=4).encode() + b"\r\n"
        case 2:
            return written({**order, "remarque": "=cmd|'/c calc'!A1\n<script>", "lot": {"n°": [1, None, 2.5]}})
        case 3:
            return written({**order, "date_commande": f"{order['date_commande']}.123456+01:00"})
        case _:
            return written(order)


def _copies(rng: Random, good: Sequence[Parcel]) -> Iterator[Parcel]:
    """The same bytes once more, under their name or another, at any time."""
    whole = [one for one in good if one.way is not Way.STALLED]
    for one in rng.sample(whole, min(len(whole), rng.randint(0, 8))):
        name = rng.choice([one.name, f"copie de {one.name}", QUEUED_NAME])
        way = Way.QUEUED if name == QUEUED_NAME else Way.WHOLE
        yield replace(one, name=name, way=way, at_s=_soon(rng))


def _contradictions(rng: Random, good: Sequence[Parcel]) -> Iterator[Parcel]:
    """The same key with other content, mostly a little later."""
    whole = [one for one in good if one.way is not Way.STALLED]
    for one in rng.sample(whole, min(len(whole), rng.randint(0, 4))):
        order = json.loads(one.content.removeprefix(BOM))
        content = written({**order, "client_id": f"other {rng.randrange(100)}"})
        name = rng.choice([one.name, f"corrigée {one.name}"])
        yield replace(one, name=name, content=content, way=Way.WHOLE, at_s=_soon(rng) + rng.choice([0, 0.2]))


def _lives(rng: Random, good: Sequence[Parcel]) -> Iterator[Parcel]:
    """Follow-ups of some orders, and of some that never come: early or late, in any order, at one instant, twice."""
    for one in rng.sample(good, len(good) // 3):
        order = json.loads(one.content.removeprefix(BOM))
        order |= {"order_id": f"{order['order_id']} never"} if rng.random() < _NEVER else {}
        for which in range(rng.randint(1, 4)):
            yield from _follow_up(rng, one.feed, order, which)


def _follow_up(rng: Random, feed: str, order: dict[str, Any], which: int) -> Iterator[Parcel]:
    content = written(later(order, rng.choice(LIFE), rng.randint(-1, 3)))
    name, key = f"{order['order_id']}-{which}.json", f"{order['canal']}:{order['order_id']}"
    parcel = Parcel(feed, name, content, follows=key, way=rng.choice([Way.WHOLE] * 9 + [Way.SLOW]), at_s=_soon(rng))
    yield parcel
    if rng.random() < _TWICE:
        yield replace(parcel, way=Way.WHOLE, at_s=_soon(rng))


def later(order: dict[str, Any], state: str, days: int) -> dict[str, Any]:
    """The follow-up that this order is in that state, so many days after its date."""
    date = datetime.fromisoformat(order["date_commande"]) + timedelta(days=days)
    suivi = {"etat": state, "date_etat": date.isoformat()}
    return {"order_id": order["order_id"], "canal": order["canal"], "suivi": suivi}


def _bad(rng: Random, feed: Feed, seed: int, number: int) -> Iterator[Parcel]:
    for kind in rng.sample(sorted(INVALID), rng.randint(0, 6)):
        order = simulated(feed, seed, 950_000 + number % 1000)
        code, corrupt = INVALID[kind]
        name = rng.choice([f"{kind}.json", f"{order['order_id']}.json"])
        way = Way.WHOLE if kind in BEGIN_WELL else rng.choice([Way.WHOLE, Way.SLOW])
        yield Parcel(feed.name, name, corrupt(order), code=code or delivery_code(order), way=way, at_s=_soon(rng))
    if rng.random() < _ODD:
        yield Parcel(feed.name, "link.json", b"/etc/hostname", None, "not_a_regular_file", Way.LINK, _soon(rng))
    if rng.random() < _ODD:
        yield Parcel(feed.name, "pipe.json", b"", None, "not_a_regular_file", Way.PIPE, _soon(rng))
