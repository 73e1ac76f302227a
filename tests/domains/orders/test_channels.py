"""Sales channels are settings: tables by directory, beside those that are built in."""

import json
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.channels import BUILT_IN, Channel
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from multimarket_async.settings import load, shown

MODELS = {"orders": OrderSettings}


def channels(**tables: Any) -> tuple[Channel, ...]:
    return OrderSettings.model_validate({"channels": tables}).channels


def test_the_built_in_channels_are_there_without_a_setting() -> None:
    assert OrderSettings().channels == channels() == BUILT_IN


def test_a_channel_is_added_by_its_table(tmp_path: Path) -> None:
    """It is a feed of its own, in `config show` too; it is not simulated, as no profile describes it."""
    file = tmp_path / "multimarket.toml"
    file.write_text('[orders.channels.comptoir]\ncanal = "comptoir-lyon"\ndelivery = "forbidden"\n', "utf-8")
    loaded = load(MODELS, {}, {}, file)
    *_, feed = ORDERS.under(loaded).feeds
    assert (feed.name, feed.simulate) == ("comptoir", None)
    [line] = [line for line in shown(loaded) if line["name"] == "orders.channels"]
    assert line["text"].endswith("boutique_physique (boutique, contract), comptoir (comptoir-lyon, contract)")


def test_the_environment_takes_the_tables_as_json() -> None:
    environ = {"MULTIMARKET_ORDERS_CHANNELS": '{"kiosk": {}}'}
    settings = load(MODELS, {}, environ, Path("none.toml")).of(OrderSettings)
    assert settings.canals == ("web", "mobile", "boutique", "kiosk")


def test_a_table_changes_of_a_built_in_channel_what_it_names() -> None:
    changed = channels(site_web={"delivery": "either"}, boutique_physique={"enabled": False})
    assert changed == (Channel("site_web", "web", delivery="either"), BUILT_IN[1])


def test_the_address_follows_the_channel_then_the_lists_and_these_only_in_the_contract() -> None:
    own = {
        "site_web": {"delivery": "either"},
        "shopify": {"canal": "web", "format": "shopify", "shop": "fr"},
        "kiosk": {},
    }
    settings = OrderSettings.model_validate({"channels": own})
    rules = {channel.directory: settings.delivery(channel) for channel in settings.channels}
    assert rules == {
        "site_web": "either",
        "application_mobile": "required",
        "boutique_physique": "forbidden",
        "shopify": "either",
        "kiosk": "either",
    }


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"a/b": {}}, "'a/b' is no name of a directory: use letters, digits, _ and -"),
        ({"kiosk": "web"}, r"kiosk must be a table, \[orders.channels.kiosk\]"),
        ({"kiosk": {"canals": "web"}}, "kiosk: canals: Unexpected keyword argument"),
        ({"kiosk": {"delivery": "maybe"}}, "kiosk: delivery: Input should be 'required', 'forbidden' or 'either'"),
        ({"kiosk": {"canal": "a:b"}}, "kiosk: canal must be a name without a colon and blanks around it, and is 'a:b'"),
        ({"kiosk": {"format": "x", "currency": "euro"}}, "kiosk: currency must be three letters of ISO 4217"),
        ({"kiosk": {"shop": "a"}}, "kiosk: shop and currency are of other formats than contract"),
        ({"kiosk": {"canal": "web"}}, "web is the canal of two directories of the format contract; give each its own"),
        (
            {"kiosk": {"canal": "web", "format": "shopify"}},
            "web is .* of the format contract, too; give the other one a",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_its_name_and_key(tables: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    environ = {"MULTIMARKET_ORDERS_CHANNELS": json.dumps(tables)}
    with pytest.raises(WrongSettings, match=sentence):
        load(MODELS, {}, environ, tmp_path / "none.toml")
