"""The check sees what is wrong: each kind of damage is done by hand to a channel that was right."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.domains import Feed
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing
from multimarket_async.torture.check import check
from multimarket_async.torture.delivered import expected_document
from multimarket_async.torture.generations import check as check_generations
from multimarket_async.torture.history import History, Parcel, Received
from multimarket_async.torture.load import later

SETTLE_S = 0.3
ORDER = {
    "order_id": 1,
    "client_id": "123",
    "produits": [{"produit_id": "P015", "nom": "Laptop", "quantite": 2, "prix_unitaire": 8500.05}],
    "date_commande": "2025-04-26T14:00:00",
    "canal": "web",
    "statut_commande": "payée",
    "livraison": {"adresse": "10 Av Roudani", "ville": "Casablanca"},
}
GOOD = Parcel("site_web", "1.json", json.dumps(ORDER).encode(), "web:1")
OTHER = Parcel("site_web", "1 corrigée.json", json.dumps({**ORDER, "client_id": "7"}).encode(), "web:1")
BAD = Parcel("site_web", "bad.json", b"[]", code="not_an_object")


class Scene:
    """A good order stored and archived, a contradiction and a bad file set aside: nothing is wrong."""

    def __init__(self, data_dir: Path) -> None:
        self.landing = Landing(data_dir, "site_web")
        self.landing.prepare()
        self.archive = self.landing.archived / "2026-05-20"
        self.archive.mkdir()
        self.history = History([Received(GOOD), Received(OTHER, stored_before=GOOD.sha256), Received(BAD)])
        self.aside: dict[str, Path] = {}
        self.documents: dict[str, dict[str, Any]] = {"web:1": expected_document(GOOD)}
        (self.archive / GOOD.name).write_bytes(GOOD.content)
        digests = {"sha256_stored": GOOD.sha256, "sha256_delivered": OTHER.sha256}
        self.set_aside(OTHER, {"code": "conflict", "key": "web:1", **digests})
        self.set_aside(BAD, {"code": "not_an_object"})

    def set_aside(self, parcel: Parcel, reason: dict[str, Any]) -> None:
        path = self.landing.sources / parcel.name
        path.write_bytes(parcel.content)
        code, facts = reason["code"], {name: value for name, value in reason.items() if name != "code"}
        self.aside[parcel.name] = self.landing.quarantine.add(path, Rejected(code, "why"), facts)

    def violations(self) -> list[str]:
        feed = Feed("site_web", "commandes", lambda _: [])
        found = check([(feed, self.landing)], self.history, self.documents, SETTLE_S)
        return [violation.what for violation in found]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_nothing_wrong_is_nothing_found(scene: Scene) -> None:
    """The scene itself is right."""
    assert scene.violations() == []


def test_a_file_that_is_gone(scene: Scene) -> None:
    """A conflict that was received in silence."""
    scene.aside[OTHER.name].unlink()
    assert scene.violations() == ["lost: received 1 times, found 0 times"]


def test_a_file_that_still_waits(scene: Scene) -> None:
    """The drain was to take it."""
    (scene.archive / GOOD.name).rename(scene.landing.sources / GOOD.name)
    assert scene.violations()[0] == "still waiting after the drain"


def test_a_changed_byte_in_the_archive(scene: Scene) -> None:
    """The old file is lost, and nobody received the new one."""
    (scene.archive / GOOD.name).write_bytes(GOOD.content + b" ")
    assert "a file that nobody received, or not with these bytes" in scene.violations()


def test_archived_but_not_stored(scene: Scene) -> None:
    """The worst of all."""
    scene.documents.clear()
    assert "an accepted order is not stored" in scene.violations()


def test_a_conflict_in_the_archive(scene: Scene) -> None:
    """Archived would mean stored."""
    scene.aside[OTHER.name].rename(scene.archive / OTHER.name)
    assert scene.violations() == ["archived, but not stored"]


def test_the_second_wins(scene: Scene) -> None:
    """It was received when the first was stored already."""
    scene.documents["web:1"] = expected_document(OTHER)
    assert "an order gave way to a later one with its key" in scene.violations()


def test_a_second_document(scene: Scene) -> None:
    """A duplicate that was stored."""
    scene.documents["web:1#2"] = scene.documents["web:1"]
    assert scene.violations() == ["a document is stored that nobody delivered"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("montant_centimes", 1700011), ("client_id", "124"), ("date_commande", None), ("surprise", 1)],
)
def test_a_document_that_says_something_else(scene: Scene, name: str, value: Any) -> None:
    """Field by field, by a path of the harness's own."""
    scene.documents["web:1"][name] = value
    [what] = scene.violations()
    assert what.startswith(f"{name} is stored as {value!r}")


def test_a_wrong_reason(scene: Scene) -> None:
    """A list is not a truncated object."""
    scene.aside[BAD.name].unlink()
    scene.set_aside(BAD, {"code": "truncated"})
    assert scene.violations() == ["set aside as truncated, expected not_an_object"]


def test_a_good_order_set_aside(scene: Scene) -> None:
    """Nothing was wrong with it, and its writer never paused."""
    scene.documents.clear()
    (scene.archive / GOOD.name).unlink()
    scene.set_aside(GOOD, {"code": "truncated"})
    assert "set aside as truncated, expected no reason at all" in scene.violations()


def test_a_stalled_writer_may_be_set_aside(tmp_path: Path) -> None:
    """Its file looked unchanged for longer than quiet_period_s; shorter, and it may not."""
    scene = Scene(tmp_path)
    late = Parcel("site_web", "2.json", json.dumps({**ORDER, "order_id": 2}).encode(), "web:2")
    scene.set_aside(late, {"code": "truncated", "sha256": hashlib.sha256(late.content[:9]).hexdigest()})
    scene.history.received.append(Received(late, longest_pause_s=SETTLE_S))
    assert scene.violations() == []
    scene.history.received[-1] = Received(late, longest_pause_s=SETTLE_S - 0.01)
    assert scene.violations() == ["set aside as truncated, expected no reason at all"]


# --- follow-ups -----------------------------------------------------------------------------


class Life(Scene):
    """The order was shipped and delivered; another one was delivered and never came."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        shipped, delivered = (followed("1", state, days) for state, days in (("expédiée", 1), ("livrée", 3)))
        early = followed("2", "livrée", 1)
        for parcel in (shipped, delivered, early):
            self.history.received.append(Received(parcel))
            (self.archive / parcel.name).write_bytes(parcel.content)
        events = [event(state, days) for state, days in (("payée", 0), ("expédiée", 1), ("livrée", 3))]
        self.documents["web:1"] |= {"suivi": events, "statut_commande": "livrée"}
        awaited = {"ingestion": {"partition": "(awaited)"}, "suivi": [event("livrée", 1)]}
        self.documents["web:2"] = {"_id": "web:2", **awaited}


def followed(number: str, state: str, days: int) -> Parcel:
    content = json.dumps(later({**ORDER, "order_id": number}, state, days)).encode()
    return Parcel("site_web", f"{number} {state}.json", content, follows=f"web:{number}")


def event(state: str, days: int) -> dict[str, Any]:
    return {"etat": state, "date_etat": datetime(2025, 4, 26 + days, 14, tzinfo=UTC)}


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def test_a_life_without_a_fault(life: Life) -> None:
    """Nor is a follow-up without its order one."""
    assert life.violations() == []


def test_an_older_state_that_won(life: Life) -> None:
    """The history is right, the state is not."""
    life.documents["web:1"]["statut_commande"] = "expédiée"
    assert life.violations() == ["statut_commande is stored as 'expédiée' and was delivered as 'livrée'"]


def test_a_lost_state(life: Life) -> None:
    """Its file is in the archive."""
    del life.documents["web:1"]["suivi"][1]
    [what] = life.violations()
    assert what.startswith("suivi is stored as")


def test_a_lost_early_follow_up(life: Life) -> None:
    """Archived, and nothing is stored for its order to come."""
    del life.documents["web:2"]
    [what] = life.violations()
    assert what.startswith("without its order, [] is stored and [('livrée'")


def test_an_order_that_nobody_delivered_from_follow_ups_alone(life: Life) -> None:
    """Something else than its history is known of it."""
    life.documents["web:2"]["statut_commande"] = "livrée"
    [what] = life.violations()
    assert what.startswith("without its order, ['_id', 'ingestion', 'statut_commande', 'suivi'] are stored")


def test_an_awaited_order_that_is_not_stored(life: Life) -> None:
    """Its file is in the archive, and only its follow-ups are there."""
    life.documents["web:1"] = {**life.documents["web:2"], "_id": "web:1"}
    assert "an accepted order is not stored" in life.violations()


# --- generations ----------------------------------------------------------------------------

KPIS = {"revenue_by_month_and_channel", "cancellation_rate_by_channel", "average_order_value_by_channel"}


def generation(number: int, orders: int) -> dict[str, Any]:
    """Two months of one channel, one order of which is cancelled."""
    months = [
        {
            "channel": "web",
            "orders": orders - 1,
            "cancelled_orders": 0,
            "revenue_minor": 999,
            "gross_revenue_minor": 999,
        },
        {"channel": "web", "orders": 1, "cancelled_orders": 1, "revenue_minor": 0, "gross_revenue_minor": 1001},
    ]
    cancelled = {"channel": "web", "orders": orders, "cancelled_orders": 1, "cancellation_rate_pct": 25.0}
    value = {
        "channel": "web",
        "orders": orders - 1,
        "average_order_value": 3.33,
        "gross_orders": orders,
        "gross_average_order_value": 5.0,
    }
    rows = dict(zip(sorted(KPIS), ([value], [cancelled], months), strict=True))
    return {"_id": number, "orders": orders, "kpis": {name: {"rows": rows[name]} for name in KPIS}}


def found_in(*ledger: dict[str, Any]) -> list[str]:
    return [violation.what for violation in check_generations(ledger, KPIS)]


def test_a_generation_that_agrees_with_itself() -> None:
    """Averages and rates follow from the sums by month."""
    assert found_in(generation(1, 4)) == []


def test_a_generation_that_speaks_of_other_orders() -> None:
    """One KPI was measured a moment later."""
    torn = generation(1, 4)
    torn["kpis"]["cancellation_rate_by_channel"]["rows"][0]["orders"] = 5
    [what] = found_in(torn)
    assert what.startswith("generation 1: cancellation_rate_by_channel")


def test_half_a_generation() -> None:
    """Not all KPIs are in it."""
    half = generation(1, 4)
    del half["kpis"]["cancellation_rate_by_channel"]
    assert len(found_in(half)) == 1


def test_a_generation_that_adds_nothing_and_one_that_is_missing() -> None:
    """Numbers are without gaps, and each one says something that the one before did not."""
    assert found_in(generation(1, 4), generation(2, 4)) == ["generation 2 counts 4 orders after 4"]
    assert found_in(generation(2, 4)) == ["the generations are numbered [2]"]


def test_a_generation_of_the_same_orders_may_say_something_new() -> None:
    """One of them was cancelled; fewer orders are never right."""
    cancelled = generation(2, 4)
    cancelled["kpis"]["cancellation_rate_by_channel"]["rows"][0]["cancelled_orders"] = 2
    assert [what for what in found_in(generation(1, 4), cancelled) if "counts" in what] == []
    assert "generation 2 counts 3 orders after 4" in found_in(generation(1, 4), generation(2, 3))
