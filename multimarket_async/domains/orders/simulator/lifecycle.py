"""Simulated lifecycles: the follow-ups of an order, always the same for the same order and seed."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.simulation import Delivery, ScheduledFollowUp

HOUR_S = 3600.0
CANCELLED_SHARE, RETURNED_SHARE = 0.08, 0.06
# Time from the state before to this one, hours: least, most.
TAKES_H = {"payée": (0.1, 48), "expédiée": (4, 72), "livrée": (24, 120), "retournée": (72, 480), "annulée": (1, 96)}
# Share of files that arrive before their order; or late: by up to a day, or ten.
EARLY_SHARE, LATE_SHARE, VERY_LATE_SHARE = 0.02, 0.10, 0.05
EARLY_S, PROMPT_S, LATE_S, VERY_LATE_S = 60.0, 60.0, 24 * HOUR_S, 240 * HOUR_S


def simulate_follow_ups(
    seed: int, order: Delivery, until: datetime, *, settings: OrderSettings
) -> list[ScheduledFollowUp]:
    """The follow-ups of a simulated order that have arrived by `until`, as they arrive."""
    tree = json.loads(order.content)
    date = _date(tree, settings)
    due_s = (until - date).total_seconds()
    arrived = [follow_up for follow_up in followups_of(tree, seed, settings) if follow_up.after_s <= due_s]
    return sorted(arrived, key=lambda follow_up: follow_up.after_s)


def followups_of(order: Mapping[str, Any], seed: int, settings: OrderSettings) -> list[ScheduledFollowUp]:
    """Later states of this order, in their order; some files arrive late, and some before the order."""
    draw = Random(f"{seed}:{order['canal']}:{order['order_id']}:suivi")  # noqa: S311 (made-up orders guard no secret)
    date, after_s, follow_ups = _date(order, settings), 0.0, []
    for number, state in enumerate(_states(draw, order, settings), start=1):
        after_s += HOUR_S * _between(draw, *TAKES_H[state])
        since = (date + timedelta(seconds=after_s)).replace(microsecond=0)
        suivi = {"etat": state, "date_etat": since.isoformat()}
        content = to_json({"order_id": order["order_id"], "canal": order["canal"], "suivi": suivi}, indent=4)
        follow_ups.append(
            ScheduledFollowUp(_arrival_s(draw, after_s), Delivery(f"{order['order_id']}-suivi-{number}.json", content))
        )
    return follow_ups


def _states(draw: Random, order: Mapping[str, Any], settings: OrderSettings) -> Iterator[str]:
    """Placed -> paid -> shipped -> delivered -> maybe returned, or cancelled before it was shipped."""
    cancelled, returned = draw.random() < CANCELLED_SHARE, draw.random() < RETURNED_SHARE
    if order["statut_commande"] in settings.cancelled_statuses:
        return
    states = ["payée"] if order["statut_commande"] != "payée" else []
    if order.get("livraison"):
        states += ["annulée"] if cancelled else ["expédiée", "livrée"]
    states += ["retournée"] if returned and not cancelled else []
    yield from (state for state in states if state in settings.followup_statuses)


def _arrival_s(draw: Random, after_s: float) -> float:
    chance = draw.random()
    if chance < EARLY_SHARE:
        return -_between(draw, 0, EARLY_S)
    if chance < EARLY_SHARE + VERY_LATE_SHARE:
        return after_s + _between(draw, LATE_S, VERY_LATE_S)
    return after_s + _between(draw, 0, LATE_S if chance < EARLY_SHARE + VERY_LATE_SHARE + LATE_SHARE else PROMPT_S)


def _between(draw: Random, least: float, most: float) -> float:
    # Only random() is promised to stay the same across Python versions.
    return least + (most - least) * draw.random()


def _date(order: Mapping[str, Any], settings: OrderSettings) -> datetime:
    written, zone = datetime.fromisoformat(order["date_commande"]), ZoneInfo(settings.timezone)
    return written.astimezone(zone) if written.tzinfo else written.replace(tzinfo=zone)
