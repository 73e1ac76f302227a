"""The orders domain in French: nothing is left in English."""

from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.fields import FRENCH as SENTENCES
from multimarket_async.domains.orders.formats import FRENCH as OF_FORMATS
from multimarket_async.domains.orders.listings import FRENCH as OF_LISTINGS
from multimarket_async.domains.orders.rates import FRENCH as OF_RATES
from multimarket_async.domains.orders.settings import OrderSettings

SETTINGS = OrderSettings(timezone="Africa/Casablanca")
DOMAIN = ORDERS.declare(SETTINGS)
KPIS = DOMAIN.kpis
REASONS = {"unknown_channel", "unknown_status", "unknown_currency", "delivery_missing", "delivery_not_allowed"}
SAME_IN_BOTH = {"", "%", SETTINGS.currency}


def test_every_title_unit_and_definition_is_said_in_french() -> None:
    """And no word is left over from a KPI that is gone."""
    titles = {kpi.title for kpi in KPIS} | {column.title for kpi in KPIS for column in kpi.columns}
    units = {kpi.unit for kpi in KPIS} | {column.unit for kpi in KPIS for column in kpi.columns}
    labels = {word for kpi in KPIS for column in kpi.columns for _, word in column.labels}
    [dashboard] = DOMAIN.dashboards
    parts = [dashboard, *dashboard.charts]
    page = {part.title for part in parts} | {tile.note for tile in dashboard.tiles}
    used = (
        titles
        | OF_LISTINGS.keys()
        | labels
        | page
        | REASONS
        | SENTENCES.keys()
        | OF_FORMATS.keys()
        | OF_RATES.keys()
        | (units - SAME_IN_BOTH)
    )
    assert set(DOMAIN.french) == (used | {kpi.name for kpi in KPIS}) - {""}


def test_every_column_of_the_list_of_orders_is_said_in_french() -> None:
    """Columns that are shown, all of them."""
    titles = {attribute.column.title for listing in DOMAIN.listings for attribute in listing.public()}
    assert titles <= DOMAIN.french.keys()


def test_a_french_definition_names_the_same_time_zone() -> None:
    """In the same definitions as the English one."""
    words = DOMAIN.french
    assert ["Africa/Casablanca" in words[kpi.name] for kpi in KPIS] == [
        "Africa/Casablanca" in kpi.definition for kpi in KPIS
    ]
