"""Pseudonyms of customers: what is stored names nobody, `verify` holds, `erase` and `doctor` know them."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from multimarket_async import sql
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.readers.audit import Audit
from multimarket_async.readers.doctor.database import _pseudonyms
from multimarket_async.settings import load
from tests.erasure.test_erase import HER, HIM, LEDGER, Place, follow_up, order, shop

__all__ = ["shop"]
KEY, OTHER = "k" * 20, "o" * 99


def under(shop: Place, key: str) -> Place:
    """The same shop with pseudonyms of this key; "" for none."""
    settings = OrderSettings.model_validate({"pseudonym_key": key})
    domain = ORDERS.declare(settings)
    feeds = tuple(feed for feed in domain.feeds if feed.name == "site_web")
    return replace(shop, domain=replace(domain, feeds=feeds))


async def deliver(shop: Place, **files: bytes) -> None:
    for name, content in files.items():
        await shop.landing("site_web").deliver(f"{name}.json", content)
        await shop.collect()


async def test_what_is_stored_names_nobody(shop: Place) -> None:
    """Neither do fields that the contract does not know; `verify` and the manifest's check agree."""
    shop = under(shop, KEY)
    personal = {"email": "her@example.org", "ingestion": {"name": "Elle"}}
    await deliver(shop, a=order(1, HER, **personal), b=order(2, HER), c=order(3, HIM), d=follow_up(1))
    await shop.measure()
    documents = [document async for document in shop.store.aggregate("commandes", [])]
    assert not any(word in repr(documents) for word in (HER, "her@", "Elle", "rue"))
    assert len({document["client_id"] for document in documents}) == 2
    assert documents[0]["livraison"] == {"ville": "Fès"}
    assert (await shop.verified()).differences == []
    with closing(Audit(shop.domain)) as audit:
        for path in shop.landing("site_web").archive_files():
            audit.add("site_web", path.name, path.read_bytes())
        expected = dict(audit.documents())
    for document in documents:
        without_sources = {name: value for name, value in document.items() if name not in ("ingestion", "suivi")}
        assert without_sources == {name: value for name, value in expected[document["_id"]].items() if name != "suivi"}


async def test_a_person_is_erased_by_their_id(shop: Place) -> None:
    """Also the orders of before there were pseudonyms."""
    await deliver(under(shop, ""), before=order(1, HER), his=order(2, HIM))
    shop = under(shop, KEY)
    await deliver(shop, after=order(3, HER), bad=order(4, HER, canal="fax"))
    await shop.measure()
    await shop.erase(HER)
    assert [document["_id"] for document in shop.database.commandes.find()] == ["web:2"]
    assert shop.holding(HER) == shop.holding(Pseudonyms(KEY.encode()).of(HER)) == []


async def test_doctor_tells_of_another_key(shop: Place) -> None:
    """And of one that was taken away, or given later."""

    async def levels(key: str) -> list[str]:
        return [finding.level for finding in await _pseudonyms(shop.store, [under(shop, key).domain])]

    assert [await levels(key) for key in ("", KEY)] == [[], ["ok"]]
    await deliver(under(shop, KEY), a=order(1, HER))
    assert [await levels(key) for key in (KEY, OTHER, "")] == [["ok"], ["fault"], ["fault"]]


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_sql_has_the_same_pseudonyms(key: str, tmp_path: Path) -> None:
    pseudonyms = Pseudonyms(key.encode())
    with sql.opened(tmp_path / "db", "100MB") as database:
        database.execute(f"CREATE MACRO person(id) AS {pseudonyms.in_sql}")
        for person in ("C-7", "é", ""):
            assert database.execute("SELECT person(?)", [person]).fetchone() == (pseudonyms.of(person),)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """And is not repeated."""
    with pytest.raises(WrongSettings, match="at least 16") as refused:
        load(LEDGER, {}, {"MULTIMARKET_ORDERS_PSEUDONYM_KEY": "tooshort"}, tmp_path / "none")
    assert "tooshort" not in str(refused.value)
