"""The short cut and the careful way: whatever the bytes, the same document or the same reason."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimarket_async.domains import Document
from multimarket_async.domains.orders import plain
from multimarket_async.domains.orders.order import parse
from multimarket_async.domains.orders.settings import CHANNELS, OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.errors import Rejected
from tests.corpus import cases
from tests.corpus.case import good

RULES = OrderSettings()
EITHER = OrderSettings(delivery_required=(), delivery_forbidden=())
GOOD = json.loads(good("1"))
ODD = [0, -1, 1.0, 2**63, 10**400, 0.1 + 0.2, 1e308, True, None, "", " ", "\x1c", "\0", "é", "é" * 300, "web", [], {}]
DATES = ["2025-04-26T14:00", "2025-04-26 14:00:00,1239999", "2025-04-26T14:00:00+05:30", "1969-12-31T23:59:59Z", "2025"]


def outcome(read: Callable[[], list[Document]]) -> tuple[Any, ...]:
    """BSON of the document, or everything that is said of the fault."""
    try:
        return tuple(map(bson.encode, read()))
    except Rejected as why:
        return (why.code, why.sentence, why.pointer, why.line, why.column, why.unfinished, why.facts)


def agrees(content: bytes, canal: str = "web", rules: OrderSettings = RULES) -> None:
    careful = outcome(lambda: parse(content, canal, rules))
    assert outcome(lambda: plain.parser(canal, rules)(content)) == careful, content


@pytest.mark.parametrize("canal", CHANNELS.values())
def test_on_every_kind_of_bad_file(canal: str) -> None:
    """The corpus, in each channel, whether the delivery is ruled or not."""
    for case in cases():
        if case.content is not None and len(case.content) < 100_000:
            agrees(case.content, canal)
            agrees(case.content, canal, EITHER)


def test_on_orders_with_one_odd_value() -> None:
    """Each odd value in each place."""
    for rules in (RULES, EITHER):
        for value in (*ODD, *DATES):
            for holder in (GOOD, GOOD["produits"][0], GOOD["livraison"]):
                for field, usual in list(holder.items()):
                    holder[field] = value
                    agrees(json.dumps(GOOD).encode("utf-8", "surrogatepass"), rules=rules)
                    holder[field] = usual


@given(st.data())
@settings(max_examples=400)
def test_on_orders_with_odd_values(data: st.DataObject) -> None:
    """Any values in any places, fields missing or added, written compactly or not."""
    order = json.loads(json.dumps(GOOD))
    values = st.one_of(st.sampled_from(ODD), st.sampled_from(DATES), st.text(max_size=5), st.floats(), st.integers())
    for _ in range(data.draw(st.integers(1, 3))):
        holder = data.draw(st.sampled_from([order, *order["produits"], order["livraison"]]))
        field = data.draw(st.sampled_from([*holder, "more", "_id"]))
        if data.draw(st.booleans()) and field in holder and field not in ("produits", "livraison"):
            del holder[field]
        elif field not in ("produits", "livraison"):
            holder[field] = data.draw(values)
    ascii_only, indent = data.draw(st.booleans()), data.draw(st.sampled_from([None, 4]))
    agrees(json.dumps(order, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass"))


@given(st.integers(0, len(good("1"))), st.integers(0, 60), st.integers(0, len(good("1"))), st.binary(max_size=3))
@settings(max_examples=400)
def test_on_orders_with_parts_moved(start: int, length: int, to: int, more: bytes) -> None:
    """A part copied elsewhere, and some bytes with it: keys twice, brackets open, text cut."""
    content = good("1")
    agrees(content[:to] + content[start : start + length] + more + content[to:])


@pytest.mark.parametrize(
    "twice",
    [
        '"canal": "web", "canal": "web"',
        '"canal": "boutique", "canal": "web"',
        '"canal" : "boutique", "canal": "web"',
        '"canal"\n: "web", "canal" : "web"',
        '"can\\u0061l": "web", "canal": "web"',
    ],
)
def test_a_key_written_twice_is_seen(twice: str) -> None:
    """However it is written: pydantic alone would take the last one."""
    content = good("1").replace(b'"canal": "web"', twice.encode())
    assert outcome(lambda: plain.parser("web", RULES)(content))[0] == "duplicate_key"


@pytest.mark.parametrize("colon", [":", "\\u003a", "\\u003A"])
def test_a_key_written_twice_beside_an_escaped_colon(colon: str) -> None:
    """Colons tell how many keys there are, and one that is escaped is none of them."""
    content = good("1").replace(b"T14:", f"T14{colon}".encode())
    assert colon.encode() in content
    agrees(content, "web")
    twice = content.replace(b'"canal": "web"', b'"canal": "boutique", "canal": "web"')
    assert outcome(lambda: plain.parser("web", RULES)(twice))[0] == "duplicate_key"


@pytest.mark.parametrize("canal", CHANNELS.values())
def test_what_the_simulator_makes_takes_the_short_cut(canal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the short cut is none."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    simulate = Simulator(canal, RULES)
    orders = [simulate(1, n, now - timedelta(days=700), now).content for n in range(200)]
    for content in orders:
        agrees(content, canal)
    monkeypatch.setattr(plain, "parse", None)
    assert [len(plain.parser(canal, RULES)(content)) for content in orders] == [1] * 200


def test_on_a_follow_up() -> None:
    """It is no plain order, and is what the careful way says it is."""
    content = (
        b'{"order_id": 1, "canal": "web", "suivi": {"etat": "annul\xc3\xa9e", "date_etat": "2026-01-02T10:00:00"}}'
    )
    assert plain.parser("web", RULES)(content) == parse(content, "web", RULES)
