"""Made-up lives: the same again, plausible, some late, some before their order, and every file valid."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from multimarket_async.domains import FollowUp
from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.domains.orders.simulator.lifecycle import followups_of, simulate_follow_ups

SETTINGS = OrderSettings(timezone="Africa/Casablanca")
SIMULATORS = {canal: Simulator(canal, SETTINGS) for canal in CHANNELS.values()}
EARLIEST, LATEST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)


def delivered(number: int, canal: str = "web") -> Any:
    return SIMULATORS[canal](1, number, EARLIEST, LATEST)


def order(number: int, canal: str = "web") -> Any:
    return json.loads(delivered(number, canal).content)


def lives(orders: int) -> list[list[FollowUp]]:
    """As parsed: each file is valid, and follows its order."""
    found = []
    for number in range(orders):
        followed = order(number)
        files = followups_of(followed, 1, SETTINGS)
        found.append([item for file in files for item in parser("web", SETTINGS)(file.delivery.content)])
        assert {match.key for match in found[-1]} <= {f"web:{followed['order_id']}"}
    return found


def test_a_life_is_the_same_again() -> None:
    """Byte for byte; under another seed it is another one."""
    assert [followups_of(order(n), 1, SETTINGS) for n in range(9)] == [
        followups_of(order(n), 1, SETTINGS) for n in range(9)
    ]
    assert [followups_of(order(n), 1, SETTINGS) for n in range(9)] != [
        followups_of(order(n), 2, SETTINGS) for n in range(9)
    ]


def test_one_life_to_the_byte() -> None:
    """Whatever the machine or the version of Python."""
    found = followups_of({**order(0), "order_id": 7, "statut_commande": "payée"}, 1, SETTINGS)
    assert [json.loads(match.delivery.content)["suivi"]["etat"] for match in found] == ["expédiée", "livrée"]


def test_lives_are_plausible() -> None:
    """Each state after the one before it; most are delivered, some cancelled or returned, none both."""
    states = [tuple(event.event["etat"] for event in life) for life in lives(400)]
    ends = [life[-1] for life in states if life]
    assert {"livrée", "annulée", "retournée"} <= set(ends)
    assert 0.7 < ends.count("livrée") / len(ends) < 0.95
    assert all(dates == sorted(dates) for dates in ([event.event["date_etat"] for event in life] for life in lives(50)))
    assert not any({"annulée", "retournée"} <= set(life) for life in states)
    assert not any(states[n] for n in range(400) if order(n)["statut_commande"] == "annulée")


def test_an_order_that_is_carried_home_is_not_shipped() -> None:
    found = {json.loads(item.delivery.content)["suivi"]["etat"] for n in range(200) for item in _of_shop(n)}
    assert found == {"payée", "retournée"}


def _of_shop(number: int) -> Any:
    return followups_of(order(number, "boutique"), 1, SETTINGS)


def test_some_come_late_and_some_before_their_order() -> None:
    """And so out of order."""
    found = [[item.after_s for item in followups_of(order(n), 1, SETTINGS)] for n in range(400)]
    assert any(after_s < 0 for life in found for after_s in life)
    assert any(life != sorted(life) for life in found)


def test_what_has_not_arrived_yet_is_left_out() -> None:
    """A history ends at an instant; the rest of its lives lies in the future."""
    one = delivered(0)
    date = datetime.fromisoformat(order(0)["date_commande"]).replace(tzinfo=UTC)
    everything = simulate_follow_ups(1, one, date + timedelta(days=90), settings=SETTINGS)
    assert len(simulate_follow_ups(1, one, date + timedelta(hours=2), settings=SETTINGS)) < len(everything)
    assert [item.after_s for item in everything] == sorted(item.after_s for item in everything)


def test_a_state_that_is_not_accepted_is_not_made_up() -> None:
    settings = OrderSettings(followup_statuses=("livrée", "annulée"))
    found = {
        json.loads(item.delivery.content)["suivi"]["etat"]
        for n in range(99)
        for item in followups_of(order(n), 1, settings)
    }
    assert found == {"livrée", "annulée"}
