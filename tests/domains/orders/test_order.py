"""A valid order becomes a document; any other file is quarantined with the exact reason."""

import copy
import json
import sys
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from multimarket_async.domains.orders.amounts import line_cents
from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.fields import Identifier
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.store import Int64

SETTINGS = OrderSettings()
ABSENT = object()


def order(**changes: Any) -> dict[str, Any]:
    """A valid order of the web channel, but for the changes; ABSENT takes a field away."""
    fields = {
        "order_id": "234",
        "client_id": "123",
        "produits": [line()],
        "date_commande": "2025-04-26T14:00:00",
        "canal": "web",
        "statut_commande": "payée",
        "livraison": {"adresse": "10 Av Roudani", "ville": "Casablanca"},
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not ABSENT}


def line(**changes: Any) -> dict[str, Any]:
    fields = {"produit_id": "P015", "nom": "Laptop", "quantite": 2, "prix_unitaire": 8500.0, **changes}
    return {name: value for name, value in fields.items() if value is not ABSENT}


def document(tree: Any, canal: str = "web", settings: OrderSettings = SETTINGS) -> dict[str, Any]:
    [document] = parser(canal, settings)(json.dumps(tree).encode())
    return document


def rejection(content: Any, canal: str = "web", settings: OrderSettings = SETTINGS) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parser(canal, settings)(content if isinstance(content, bytes) else json.dumps(content).encode())
    return caught.value


def changed(tree: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy with the value at this place replaced; ABSENT takes it away."""
    result = copy.deepcopy(tree)
    *way, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    parent: Any = result
    for step in way:
        parent = parent[step]
    parent[last] = value
    if value is ABSENT:
        del parent[last]
    return result


def test_a_valid_order_becomes_its_document() -> None:
    """Delivered fields as delivered, the date as an instant, and beside them our own."""
    assert document(order(order_id=234, remarque={"code": [1, None]})) == {
        "_id": "web:234",
        "order_id": "234",
        "client_id": "123",
        "produits": [{"produit_id": "P015", "nom": "Laptop", "quantite": 2, "prix_unitaire": 8500.0}],
        "date_commande": datetime(2025, 4, 26, 14, tzinfo=UTC),
        "canal": "web",
        "statut_commande": "payée",
        "livraison": {"adresse": "10 Av Roudani", "ville": "Casablanca"},
        "remarque": {"code": [1, None]},
        "montant_total": 17000.0,
        "montant_centimes": 1700000,
        "lignes_centimes": [1700000],
    }


def test_each_field_of_ours_has_one_bson_type() -> None:
    """A price written without decimals is a double as all the others, and cents are 64-bit even when few."""
    stored = document(order(produits=[line(prix_unitaire=3), line(prix_unitaire=0)]))
    assert [type(item["prix_unitaire"]) for item in stored["produits"]] == [float, float]
    assert [type(cents) for cents in stored["lignes_centimes"]] == [Int64, Int64]
    assert (type(stored["montant_centimes"]), type(stored["montant_total"])) == (Int64, float)


def test_the_same_number_in_two_channels_is_two_orders() -> None:
    boutique = order(canal="boutique", livraison=ABSENT)
    assert document(order())["_id"] == "web:234"
    assert document(boutique, "boutique")["_id"] == "boutique:234"


@pytest.mark.parametrize("taken", ["_id", "montant_total", "montant_centimes", "lignes_centimes", "ingestion", "suivi"])
def test_a_delivered_field_with_a_name_of_ours_is_kept_apart(taken: str) -> None:
    """It neither overwrites ours nor is lost."""
    stored = document(order(**{taken: "theirs"}))
    assert stored["champs_livres"] == {taken: "theirs"}
    assert {**stored, "champs_livres": None} == {**document(order()), "champs_livres": None}


def test_delivered_champs_livres_are_not_lost_either() -> None:
    stored = document(order(champs_livres={"_id": 1}, _id=2))
    assert stored["champs_livres"] == {"champs_livres": {"_id": 1}, "_id": 2}


# --- Faults -----------------------------------------------------------------------------------

TEXT_ONLY = [None, True, 1, 1.5, [], {}]
NOT_AN_ID = [None, True, 1.0, [], {}]
NOT_AN_INTEGER = [None, True, 2.0, "2", [], {}]
NOT_A_NUMBER = [None, True, "2", [], {}]
NOT_A_LIST = [None, True, 1, 1.5, "x", {}]
NOT_AN_OBJECT = [True, 1, 1.5, "x", []]
WRONG_TYPES = {
    "/order_id": NOT_AN_ID,
    "/client_id": NOT_AN_ID,
    "/produits": NOT_A_LIST,
    "/produits/1": [None, *NOT_AN_OBJECT],
    "/produits/1/produit_id": NOT_AN_ID,
    "/produits/1/nom": TEXT_ONLY,
    "/produits/1/quantite": NOT_AN_INTEGER,
    "/produits/1/prix_unitaire": NOT_A_NUMBER,
    "/date_commande": TEXT_ONLY,
    "/canal": TEXT_ONLY,
    "/statut_commande": TEXT_ONLY,
    "/livraison": NOT_AN_OBJECT,
    "/livraison/adresse": TEXT_ONLY,
    "/livraison/ville": TEXT_ONLY,
}
TWO_LINES = order(produits=[line(), line()])


@pytest.mark.parametrize(
    ("pointer", "value"), [(pointer, value) for pointer, values in WRONG_TYPES.items() for value in values]
)
def test_a_value_of_the_wrong_type_is_rejected(pointer: str, value: Any) -> None:
    """No field takes another type for its own: not true for 1, not "2" for 2."""
    fault = rejection(changed(TWO_LINES, pointer, value))
    assert (fault.code, fault.pointer, fault.unfinished, fault.facts) == ("wrong_type", pointer, False, None)


@pytest.mark.parametrize("pointer", [place for place in WRONG_TYPES if place not in {"/produits/1", "/livraison"}])
def test_a_missing_field_is_rejected(pointer: str) -> None:
    fault = rejection(changed(TWO_LINES, pointer, ABSENT))
    assert (fault.code, fault.pointer, fault.facts) == ("missing_field", pointer, None)


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/order_id", "", "empty_text"),
        ("/order_id", " ", "empty_text"),
        ("/order_id", "x" * 201, "out_of_range"),
        ("/order_id", "1\x002", "out_of_range"),
        ("/client_id", "", "empty_text"),
        ("/produits", [], "out_of_range"),
        ("/produits/0/produit_id", "", "empty_text"),
        ("/produits/0/nom", "", "empty_text"),
        ("/produits/0/nom", "\t ", "empty_text"),
        ("/produits/0/quantite", 0, "out_of_range"),
        ("/produits/0/quantite", -1, "out_of_range"),
        ("/produits/0/quantite", 10**12 + 1, "out_of_range"),
        ("/produits/0/prix_unitaire", -0.01, "out_of_range"),
        ("/date_commande", "", "bad_date"),
        ("/date_commande", "2025-04-26", "bad_date"),
        ("/date_commande", "2025-02-29T14:00:00", "bad_date"),
        ("/date_commande", "2025-04-26T24:00:00", "bad_date"),
        ("/date_commande", "2025-04-26T14:00:60", "bad_date"),
        ("/date_commande", "2025-04-26T14", "bad_date"),
        ("/date_commande", "2025-04-26x14:00:00", "bad_date"),
        ("/date_commande", "2025-04-26T14:00:00 ", "bad_date"),
        ("/date_commande", "2025-04-26T14:00:00\n", "bad_date"),
        ("/date_commande", "2025-04-26T14:00:00+25:00", "bad_date"),
        ("/date_commande", "2025-04-26T14:00:00+01:99", "bad_date"),
        ("/date_commande", "2025-W17-6T14:00:00", "bad_date"),
        ("/date_commande", "26/04/2025 14:00", "bad_date"),
        ("/date_commande", "٢٠٢٥-04-26T14:00:00", "bad_date"),
        ("/date_commande", "0000-01-01T00:00:00", "bad_date"),
        ("/date_commande", "0001-01-01T00:00:00+01:00", "bad_date"),
        ("/date_commande", "1969-12-31T23:59:59Z", "bad_date"),
        ("/date_commande", "9999-12-31T23:59:59-01:00", "bad_date"),
        ("/canal", "mobile", "wrong_channel"),
        ("/canal", "boutique", "wrong_channel"),
        ("/canal", "Mobile", "wrong_channel"),
        ("/canal", "We b", "unknown_channel"),
        ("/canal", "", "unknown_channel"),
        ("/statut_commande", "expédiée", "unknown_status"),
        ("/statut_commande", "", "unknown_status"),
        ("/livraison", None, "delivery_missing"),
        ("/livraison", ABSENT, "delivery_missing"),
    ],
)
def test_a_value_that_no_order_may_have_is_rejected(pointer: str, value: Any, code: str) -> None:
    fault = rejection(changed(order(), pointer, value))
    assert (fault.code, fault.pointer, fault.facts) == (code, pointer, None)


@pytest.mark.parametrize(
    ("pointer", "delivered", "stored"),
    [
        ("/statut_commande", "paye\u0301e", "payée"),
        ("/statut_commande", "Payée", "payée"),
        ("/statut_commande", " EN ATTENTE\u3000", "en attente"),
        ("/canal", "Web ", "web"),
        ("/produits/0/nom", "\xa0Cafe\u0301 Noir\n", "Café Noir"),
        ("/livraison/ville", " Fe\u0300s", "Fès"),
    ],
)
def test_what_looks_alike_is_stored_alike(pointer: str, delivered: str, stored: str) -> None:
    """Accents are composed and blanks around are gone; letter case is no difference in closed lists only."""
    assert document(changed(order(), pointer, delivered)) == document(changed(order(), pointer, stored))


def test_of_accepted_words_that_look_alike_the_exact_one_is_stored() -> None:
    settings = OrderSettings(order_statuses=("payée", "Payée"))
    assert document(order(statut_commande="Payée"), settings=settings)["statut_commande"] == "Payée"
    assert document(order(statut_commande="PAYÉE"), settings=settings)["statut_commande"] == "payée"


def test_an_identifier_is_blank_where_python_says_so() -> None:
    """The pattern in pydantic-core and `str.strip` agree on every character, so that each fault has its reason."""
    validate = TypeAdapter(Identifier).validator.isinstance_python
    characters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    assert [character for character in characters if validate(character) is not bool(character.strip())] == []


@pytest.mark.parametrize("content", [b"[]", b'[{"order_id": 1}]', b"null", b"true", b"1", b'"order"'])
def test_a_file_holds_one_object(content: bytes) -> None:
    assert (rejection(content).code, rejection(content).pointer) == ("not_an_object", "")


@pytest.mark.parametrize(
    ("pointer", "value", "sentence"),
    [
        ("/produits/0/quantite", 0, "quantite of item 1 of produits must be above 0, and is 0."),
        ("/produits/0", "x", "item 1 of produits must be an object, and is 'x'."),
        ("/order_id", ABSENT, "order_id is missing."),
        ("/canal", "mobile", "canal must be 'web' in this folder, and is 'mobile'."),
        ("/canal", "fax\x1b", r"canal must be one of web, mobile, boutique, and is 'fax\x1b'."),
        (
            "/statut_commande",
            "x" * 10_000,
            f"statut_commande must be one of payée, annulée, en attente, confirmée, and is '{'x' * 60}'….",
        ),
        ("/livraison", None, "livraison must be given: orders of this channel are delivered, and is null."),
    ],
)
def test_the_sentence_names_field_demand_and_value(pointer: str, value: Any, sentence: str) -> None:
    """It can be read aloud to the person who has to mend the file."""
    assert rejection(changed(order(), pointer, value)).sentence == sentence


def test_the_first_fault_in_the_order_of_fields_is_reported_with_the_number_of_others() -> None:
    fault = rejection(order(statut_commande="?", client_id=None, produits=[line(quantite=0, nom=1)]))
    assert (fault.pointer, fault.facts) == ("/client_id", {"more_faults": 3})


def test_a_million_faults_are_not_listed() -> None:
    """Listing them all took over 20 s, longer than a file may wait."""
    fault = rejection(order(produits=[1] * 1_000_000))
    assert (fault.pointer, fault.facts) == ("/produits/0", None)


def test_what_only_strict_json_sees_is_rejected_in_fields_nobody_knows() -> None:
    """BSON has no integer of 65 bits, no matter where it stands."""
    assert rejection(order(remarque=[2**63])).pointer == "/remarque/0"


def test_a_cut_order_is_unfinished_at_every_byte() -> None:
    """A file still in the writing is neither taken nor called bad."""
    whole = json.dumps(order(), ensure_ascii=False, indent=2).encode()
    faults = [rejection(whole[:length]) for length in range(len(whole))]
    assert {fault.code for fault in faults} == {"empty_file", "truncated", "not_utf8"}
    assert all(fault.unfinished for fault in faults)


# --- Delivery ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"adresse": "a", "ville": "v"}, {}, "x", [], False])
def test_a_shop_delivers_nothing(value: Any) -> None:
    fault = rejection(order(canal="boutique", livraison=value), "boutique")
    assert (fault.code, fault.pointer) == ("delivery_not_allowed", "/livraison")


@pytest.mark.parametrize("value", [None, ABSENT])
def test_null_is_as_good_as_absent(value: Any) -> None:
    assert document(order(canal="boutique", livraison=value), "boutique").get("livraison") is None


@pytest.mark.parametrize("value", [None, ABSENT, {"adresse": "a", "ville": "v"}])
def test_a_channel_in_neither_list_may_deliver(value: Any) -> None:
    """35 % of the mobile orders of a real shop were collected by the client."""
    settings = OrderSettings(delivery_required=("web",))
    stored = document(order(canal="mobile", livraison=value), "mobile", settings)
    assert stored.get("livraison", ABSENT) == value


def test_a_delivery_given_where_it_is_optional_is_checked() -> None:
    settings = OrderSettings(delivery_required=())
    fault = rejection(order(livraison={"adresse": "a"}), "web", settings)
    assert (fault.code, fault.pointer) == ("missing_field", "/livraison/ville")


# --- Dates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-04-26T14:00:00", datetime(2025, 4, 26, 13, 0, tzinfo=UTC)),
        ("2025-04-26 14:00:00", datetime(2025, 4, 26, 13, 0, tzinfo=UTC)),
        ("2025-04-26T14:00", datetime(2025, 4, 26, 13, 0, tzinfo=UTC)),
        ("2025-04-26T14:00:00.5", datetime(2025, 4, 26, 13, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-04-26T14:00:00.123999999", datetime(2025, 4, 26, 13, 0, 0, 123_000, tzinfo=UTC)),
        ("2025-04-26T14:00:00Z", datetime(2025, 4, 26, 14, 0, tzinfo=UTC)),
        ("2025-04-26T14:00:00+05:30", datetime(2025, 4, 26, 8, 30, tzinfo=UTC)),
        ("2025-04-26T14:00:00-0100", datetime(2025, 4, 26, 15, 0, tzinfo=UTC)),
        ("2025-04-26 14:00+00", datetime(2025, 4, 26, 14, 0, tzinfo=UTC)),
        ("2025-03-15T14:00:00", datetime(2025, 3, 15, 14, 0, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_an_instant(text: str, instant: datetime) -> None:
    """Naive, it is the clock on the wall of Casablanca: UTC+1, but UTC+0 in Ramadan."""
    settings = OrderSettings(timezone="Africa/Casablanca")
    assert document(order(date_commande=text), settings=settings)["date_commande"] == instant


def test_a_date_whose_local_year_is_10000_is_rejected() -> None:
    """MongoDB cannot name its month, and every KPI would fail over it."""
    settings = OrderSettings(timezone="Asia/Tokyo")
    late = order(date_commande="9999-12-31T23:00:00Z")
    assert document(late)["_id"] == "web:234"
    assert rejection(late, "web", settings).code == "bad_date"


# --- Money ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantite", "prix_unitaire", "cents"),
    [
        (2, 8500.0, 1_700_000),
        (3, 0.1, 30),
        (1, 2.675, 268),
        (1, 1.005, 101),
        (1, 0.615, 62),
        (3, 0.335, 101),
        (1, 0.005, 1),
        (1, 0.0049999, 0),
        (2, 0.0025, 1),
        (1, 19.99, 1999),
        (100, 1.1, 11_000),
        (3, 333.33, 99_999),
        (7, 0.0, 0),
        (1, -0.0, 0),
        (1, 5e-324, 0),
        (2**53 - 1, 0.01, 2**53 - 1),
        (1, 1e22, 10**24),
        (1, 1e300, 10**302),
        (1, 1.7976931348623157e308, 17976931348623157 * 10**294),
        (1, 70368744177663.99, 7_036_874_417_766_399),
    ],
)
def test_a_line_is_rounded_half_up_to_the_cent(quantite: int, prix_unitaire: float, cents: int) -> None:
    """The price is the decimal that was written, and not the double a little below it."""
    assert line_cents(quantite, prix_unitaire) == cents


def _exact_cents(quantite: int, prix_unitaire: float) -> int:
    return int(Fraction(Decimal(repr(prix_unitaire))) * 100 * quantite + Fraction(1, 2))


@given(st.integers(1, 2**53 - 1), st.floats(0, 1e300) | st.integers(0, 10**16).map(lambda cents: cents / 100))
def test_the_fast_way_to_cents_is_exact(quantite: int, prix_unitaire: float) -> None:
    """Against fractions, which do not round at all."""
    assert line_cents(quantite, prix_unitaire) == _exact_cents(quantite, prix_unitaire)


@given(st.integers(0, 10**6), st.integers(0, 4), st.integers(1, 1000))
def test_a_written_price_means_its_decimal(digits: int, decimals: int, quantite: int) -> None:
    """From the text in the file to the cents, as one would on paper."""
    price = Decimal(digits).scaleb(-decimals)
    [stored] = parser("web", SETTINGS)(
        json.dumps(order(produits=[line(quantite=quantite, prix_unitaire=0)])).replace("0}", f"{price}}}").encode()
    )
    expected = (price * quantite).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert stored["montant_centimes"] == int(expected * 100)
    assert stored["montant_total"] == float(expected)


def test_a_total_is_the_sum_of_rounded_lines() -> None:
    """Three times 0.005 is three cents, as each line on the bill says 0.01."""
    stored = document(order(produits=[line(quantite=1, prix_unitaire=0.005)] * 3))
    assert (stored["lignes_centimes"], stored["montant_centimes"], stored["montant_total"]) == ([1, 1, 1], 3, 0.03)


def test_a_total_that_cannot_be_kept_to_the_cent_is_rejected() -> None:
    largest = line(quantite=20394401, prix_unitaire=4416505.91)
    assert document(order(produits=[largest]))["montant_centimes"] == 2**53 - 1
    fault = rejection(order(produits=[largest, line(quantite=1, prix_unitaire=0.01)]))
    assert (fault.code, fault.pointer) == ("amount_too_large", "/produits")
    assert rejection(order(produits=[line(prix_unitaire=1e308)])).code == "amount_too_large"


# --- Settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"delivery_required": "web,fax"}, "delivery_required names no channel: fax; expected web, mobile, boutique"),
        ({"delivery_forbidden": "shop"}, "delivery_forbidden names no channel: shop; expected web, mobile, boutique"),
        (
            {"delivery_required": "web", "delivery_forbidden": "web,boutique"},
            "delivery_required and delivery_forbidden both name web; leave it in one of them",
        ),
        (
            {"order_statuses": "payée", "followup_statuses": "livrée"},
            "cancelled_statuses names annulée, which is among neither order_statuses nor followup_statuses",
        ),
        ({"order_statuses": "", "cancelled_statuses": ""}, "at least 1 item"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        OrderSettings.model_validate(given)


def test_the_accepted_statuses_are_a_setting() -> None:
    settings = OrderSettings.model_validate({"order_statuses": "paid, cancelled", "cancelled_statuses": "cancelled"})
    assert document(order(statut_commande="paid"), settings=settings)["statut_commande"] == "paid"
    assert rejection(order(), "web", settings).code == "unknown_status"


def test_each_directory_has_its_channel() -> None:
    assert CHANNELS == {"site_web": "web", "application_mobile": "mobile", "boutique_physique": "boutique"}


# --- Whatever comes ---------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(NAMES, LEAVES, max_size=3)
PLACES = ["/order_id", "/statut_commande", "/remarque", "/_id", "/produits/0/extra", "/livraison/extra", *WRONG_TYPES]
MUTATIONS = st.lists(st.tuples(st.sampled_from(PLACES), TREES | st.just(ABSENT)), max_size=3)


def _mutated(changes: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = TWO_LINES
    for pointer, value in changes:
        try:
            tree = changed(tree, pointer, value)
        except (KeyError, IndexError, TypeError):  # an earlier change took its parent away
            continue
    return tree


def _check(content: bytes, canal: str) -> None:
    """A document that BSON gives back as it was, or a rejection: never another exception."""
    try:
        [stored] = parser(canal, SETTINGS)(content)
    except Rejected:
        return
    back = bson.decode(bson.encode(stored), CodecOptions(tz_aware=True, tzinfo=UTC))
    assert back == stored
    assert stored["_id"] == f"{canal}:{stored['order_id']}"
    assert stored["montant_centimes"] == sum(stored["lignes_centimes"])
    assert len(stored["lignes_centimes"]) == len(stored["produits"])


@given(st.binary(max_size=200), st.sampled_from([*CHANNELS.values()]))
def test_any_bytes_are_an_order_or_rejected(content: bytes, canal: str) -> None:
    _check(content, canal)


@given(TREES)
def test_any_json_is_an_order_or_rejected(tree: Any) -> None:
    _check(json.dumps(tree).encode(), "web")


@given(MUTATIONS)
def test_any_mutated_order_is_an_order_or_rejected(changes: list[tuple[str, Any]]) -> None:
    _check(json.dumps(_mutated(changes)).encode(), "web")


@given(st.dictionaries(NAMES, TREES, max_size=3), st.dictionaries(NAMES, TREES, max_size=3))
def test_any_extra_fields_are_kept_or_rejected(extras: dict[str, Any], in_line: dict[str, Any]) -> None:
    tree = {**extras, **order(produits=[{**in_line, **line()}])}
    _check(json.dumps(tree).encode(), "web")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_any_damaged_byte_gives_an_order_or_rejected(position: int, damage: bytes) -> None:
    whole = json.dumps(TWO_LINES, ensure_ascii=False).encode()
    place = position % len(whole)
    _check(whole[:place] + damage + whole[place + len(damage) :], "web")
