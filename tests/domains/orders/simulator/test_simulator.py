"""Simulated orders: always the same ones, always in the format, always within the settings."""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import faker
import pytest

from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.errors import WrongSettings
from multimarket_async.simulation import Delivery

SETTINGS = OrderSettings(
    order_statuses=("payée", "annulée", "en attente", "confirmée"),
    cancelled_statuses=("annulée",),
    delivery_required=("web", "mobile"),
    delivery_forbidden=("boutique",),
)
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
LATEST = datetime(2026, 1, 1, tzinfo=UTC)
CHANNELS = ("web", "mobile", "boutique")


@cache
def simulator(canal: str, settings: OrderSettings) -> Simulator:
    return Simulator(canal, settings)


def delivery(
    canal: str,
    number: int,
    *,
    seed: int = 1,
    earliest: datetime = EARLIEST,
    latest: datetime = LATEST,
    settings: OrderSettings = SETTINGS,
) -> Delivery:
    return simulator(canal, settings)(seed, number, earliest, latest)


def order(canal: str, number: int, **changes: Any) -> dict[str, Any]:
    return json.loads(delivery(canal, number, **changes).content)


def test_the_first_orders_are_pinned():
    """Any process, any PYTHONHASHSEED (pytest runs under a random one) gives these bytes.

    Names and addresses come from Faker, whose version therefore pins them too: after an upgrade
    of Faker a new digest is expected, after a change to our own code it needs a reason.
    """
    deliveries = [delivery(canal, number) for canal in CHANNELS for number in range(50)]
    digest = hashlib.sha256(b"".join(each.name.encode() + each.content for each in deliveries)).hexdigest()
    assert digest == "0e8781363dcb8c18021dda492e11c0ea91f2ce199440e028db813170c016c2d4", (
        f"pinned under Faker 40.54.0, this is {faker.VERSION}"
    )


def test_an_order_does_not_depend_on_those_simulated_before():
    """Backwards and with the channels interleaved, each order is the same."""
    in_order = {(canal, number): delivery(canal, number) for canal in CHANNELS for number in range(30)}
    backwards = {(canal, number): delivery(canal, number) for number in reversed(range(30)) for canal in CHANNELS}
    assert in_order == backwards


def test_the_instants_decide_the_date_and_nothing_else():
    other = order("web", 7, latest=EARLIEST + timedelta(hours=1))
    assert {**order("web", 7), "date_commande": ""} == {**other, "date_commande": ""}


@pytest.mark.parametrize("other", [{"canal": "mobile"}, {"seed": 2}, {"number": 1}])
def test_channel_seed_and_number_each_make_another_order(other: dict[str, Any]):
    """Another client at another moment, not only another label or another shop."""
    key = {"canal": "web", "number": 0}
    one, another = order(**key), order(**{**key, **other})
    assert (one["client_id"], one["date_commande"]) != (another["client_id"], another["date_commande"])


def test_every_delivery_has_exactly_the_fields_of_the_format():
    for canal in CHANNELS:
        for number in range(300):
            simulated = order(canal, number)
            livraison = simulated.pop("livraison", {"adresse": "", "ville": ""})
            assert list(simulated) == [
                "order_id", "client_id", "produits", "date_commande", "canal", "statut_commande",
            ]  # fmt: skip
            assert list(livraison) == ["adresse", "ville"]
            assert 1 <= len(simulated["produits"]) <= 8
            for line in simulated["produits"]:
                assert list(line) == ["produit_id", "nom", "quantite", "prix_unitaire"]


@pytest.mark.parametrize("canal", CHANNELS)
@pytest.mark.parametrize("settings", [OrderSettings(), OrderSettings(timezone="Africa/Casablanca")])
def test_the_contract_accepts_every_order(canal: str, settings: OrderSettings):
    """Under its key, and dated between the two instants once it is read back."""
    for number in range(500):
        [document] = parser(canal, settings)(delivery(canal, number, settings=settings).content)
        assert document["_id"] == f"{canal}:{10**9 + number + 1}"
        assert EARLIEST <= document["date_commande"] <= LATEST


def test_a_file_looks_like_a_real_one():
    """UTF-8 as it is, four spaces, named for its order, about 560 bytes."""
    deliveries = [delivery(canal, number) for canal in CHANNELS for number in range(1000)]
    assert deliveries[41].name == "1000000042.json"
    assert deliveries[41].content.startswith(b'{\n    "order_id": 1000000042,\n    "client_id": ')
    assert any("annulée".encode() in each.content for each in deliveries)
    assert 530 < sum(len(each.content) for each in deliveries) / 3000 < 590


def test_two_seeds_never_draw_the_same_number():
    """Not even the last number of one seed and the first of the next."""
    assert order("web", 10**9 - 1, seed=1)["order_id"] == 2_000_000_000
    assert order("web", 0, seed=2)["order_id"] == 2_000_000_001


def test_two_channels_share_their_numbers():
    """On purpose: the key of an order is its channel and its number."""
    assert [order(canal, 5)["order_id"] for canal in CHANNELS] == [1_000_000_006] * 3


def test_dates_fill_the_span_and_never_leave_it():
    latest = EARLIEST + timedelta(seconds=3)
    dates = {order("web", number, latest=latest)["date_commande"] for number in range(200)}
    assert sorted(dates) == ["2025-01-01T00:00:00", "2025-01-01T00:00:01", "2025-01-01T00:00:02", "2025-01-01T00:00:03"]


def test_fractions_of_a_second_stay_inside_the_span():
    earliest, latest = EARLIEST + timedelta(seconds=0.4), EARLIEST + timedelta(seconds=2.6)
    dates = {order("web", number, earliest=earliest, latest=latest)["date_commande"] for number in range(100)}
    assert sorted(dates) == ["2025-01-01T00:00:01", "2025-01-01T00:00:02"]


def test_a_live_order_is_dated_now_and_not_in_the_future():
    """Live, both instants are the same; a date has whole seconds."""
    now = datetime(2025, 7, 1, 12, 0, 0, 999_999, UTC)
    assert order("boutique", 3, earliest=now, latest=now)["date_commande"] == "2025-07-01T12:00:00"


def test_dates_are_in_the_business_time_zone():
    now = datetime(2025, 7, 1, 23, 30, tzinfo=UTC)
    paris = OrderSettings(timezone="Europe/Paris")
    assert order("web", 0, earliest=now, latest=now, settings=paris)["date_commande"] == "2025-07-02T01:30:00"


def test_every_accepted_status_comes():
    """The first ones most often."""
    statuses = Counter(order("web", number)["statut_commande"] for number in range(5000))
    assert set(statuses) == set(SETTINGS.order_statuses)
    assert statuses["payée"] > 1.5 * statuses["en attente"] > 2 * statuses["confirmée"]


def test_only_accepted_statuses_are_simulated():
    """Also where nothing that is accepted counts as cancelled."""
    paid = OrderSettings(order_statuses=("réglée", "livrée"), cancelled_statuses=())
    assert {order("web", number, settings=paid)["statut_commande"] for number in range(200)} == {"réglée", "livrée"}


def test_a_cancelled_status_that_only_follow_ups_have_is_not_simulated():
    """An order is never delivered as returned."""
    returned = OrderSettings(cancelled_statuses=("annulée", "retournée"))
    found = {order("web", number, settings=returned)["statut_commande"] for number in range(200)}
    assert found == set(returned.order_statuses)


def test_a_delivery_goes_where_the_channel_requires_it():
    assert all("livraison" in order(canal, number) for canal in ("web", "mobile") for number in range(300))
    assert not any("livraison" in order("boutique", number) for number in range(300))


def test_where_the_channel_leaves_it_open_some_orders_are_delivered():
    open_rule = OrderSettings(delivery_required=("web",), delivery_forbidden=("boutique",))
    delivered = ["livraison" in order("mobile", number, settings=open_rule) for number in range(1000)]
    assert 0.6 < delivered.count(True) / 1000 < 0.7


def test_a_product_has_one_name_and_one_price():
    """Over all channels; and a basket names a product once."""
    baskets = [order(canal, number)["produits"] for canal in CHANNELS for number in range(3000)]
    articles = {(line["produit_id"], line["nom"], line["prix_unitaire"]) for basket in baskets for line in basket}
    assert 110 < len(articles) <= 116
    assert len({produit_id for produit_id, _, _ in articles}) == len(articles)
    assert len({nom for _, nom, _ in articles}) == len(articles)
    assert all(len({line["produit_id"] for line in basket}) == len(basket) for basket in baskets)


@pytest.mark.parametrize("seed", range(20))
def test_prices_are_plausible_under_any_seed(seed: int):
    prices = [line["prix_unitaire"] for number in range(500) for line in order("web", number, seed=seed)["produits"]]
    assert min(prices) >= 3.90
    assert max(prices) <= 1500
    assert prices == [round(price, 2) for price in prices]


def test_a_date_never_falls_into_a_gap_of_daylight_saving():
    """On 29 March 2026 Paris has no hour 2."""
    paris = OrderSettings(timezone="Europe/Paris")
    night = datetime(2026, 3, 29, tzinfo=UTC)
    dates = [
        order("mobile", number, earliest=night, latest=night + timedelta(hours=4), settings=paris)["date_commande"]
        for number in range(500)
    ]
    assert {date[11:13] for date in dates} == {"01", "03", "04", "05", "06"}


def test_a_closed_shop_that_is_asked_for_an_order_gives_one():
    """At night, live at the default pace."""
    night = datetime(2026, 5, 20, 3, 0, tzinfo=UTC)
    assert order("boutique", 1, earliest=night, latest=night)["date_commande"] == "2026-05-20T03:00:00"


def test_what_orders_are_made_of_is_told():
    """Whatever changes an order changes it; and what changes none does not."""
    made_of = simulator("web", SETTINGS).made_of(3)
    assert (made_of["seed"], made_of["faker"]) == (3, faker.VERSION)
    assert made_of == simulator("mobile", SETTINGS.model_copy(update={"currency": "MAD"})).made_of(3)
    assert made_of != simulator("web", SETTINGS.model_copy(update={"timezone": "Europe/Paris"})).made_of(3)


def test_a_channel_that_the_profile_does_not_know_is_refused():
    with pytest.raises(WrongSettings, match=r"needs a \[channels\.fax\]"):
        order("fax", 1)
