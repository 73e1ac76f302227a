"""MultiMarket's three sales channels: orders as JSON files, one file an order."""

from dataclasses import replace
from functools import partial

from multimarket_async.domains import Domain, Feed, LoadedDomain, Received, Table, french_of, kpis_in
from multimarket_async.domains.orders import kpis
from multimarket_async.domains.orders.amounts import COMPUTED
from multimarket_async.domains.orders.channels import CONTRACT, Channel
from multimarket_async.domains.orders.columns import FRENCH
from multimarket_async.domains.orders.dashboard import FRENCH as IN_DASHBOARD
from multimarket_async.domains.orders.dashboard import OF_DECLARED, dashboard
from multimarket_async.domains.orders.exported import version
from multimarket_async.domains.orders.fields import FRENCH as IN_REASONS
from multimarket_async.domains.orders.followup import lifecycle
from multimarket_async.domains.orders.formats import FRENCH as IN_FORMATS
from multimarket_async.domains.orders.formats.catalogue import formats
from multimarket_async.domains.orders.formats.feeds import declared_feed, in_our_words
from multimarket_async.domains.orders.grafana import panels
from multimarket_async.domains.orders.listings import FRENCH as IN_LISTINGS
from multimarket_async.domains.orders.listings import listings
from multimarket_async.domains.orders.money import RATES
from multimarket_async.domains.orders.order import reader
from multimarket_async.domains.orders.rates import COLUMNS, rates_feed
from multimarket_async.domains.orders.rates import FRENCH as IN_RATES
from multimarket_async.domains.orders.received import documents, tables
from multimarket_async.domains.orders.rollups import COLLECTION
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator, simulated
from multimarket_async.domains.orders.simulator.invalid import corruptions
from multimarket_async.domains.orders.simulator.lifecycle import simulate_follow_ups
from multimarket_async.domains.orders.star import star


def _feeds(settings: OrderSettings) -> list[Feed]:
    """A directory for each channel; `canal` is the channel's name in its orders."""
    table = Table(COLLECTION, lifecycle=lifecycle(settings), computed=COMPUTED, person="client_id")
    table = replace(table, pseudonyms=settings.pseudonyms)
    exports = replace(table, mode="upsert", version=version, lifecycle=None, dated="date_commande")
    feeds = [
        _feed(channel, table if channel.format == CONTRACT else exports, settings) for channel in settings.channels
    ]
    return [*feeds, rates_feed()] if settings.declared else feeds


def _feed(channel: Channel, table: Table, settings: OrderSettings) -> Feed:
    if channel.format != CONTRACT:
        return declared_feed(channel, table, settings)
    feed = Feed(channel.directory, table, reader(channel.canal, settings))
    if channel.canal not in simulated(settings.profile):
        return feed
    return replace(
        feed,
        simulate=Simulator(channel.canal, settings),
        simulate_follow_ups=partial(simulate_follow_ups, settings=settings),
        corruptions=corruptions(channel.canal, settings),
    )


def _rates(settings: OrderSettings) -> dict[str, tuple[str, ...]]:
    return {RATES: COLUMNS} if settings.declared else {}


def declare(settings: OrderSettings) -> LoadedDomain:
    """Every declaration of the domain."""
    measured = tuple(kpi for kpi in kpis_in(kpis, settings) if settings.declared or kpi.name not in OF_DECLARED)
    french = french_of(measured, FRENCH, IN_DASHBOARD, IN_LISTINGS, IN_REASONS, IN_FORMATS, IN_RATES)
    return LoadedDomain(
        "orders",
        tuple(_feeds(settings)),
        measured,
        Received(tables(settings), documents(settings), csv=_rates(settings), lines=in_our_words(settings)),
        listings(settings),
        french,
        (dashboard(settings),),
        settings.timezone,
        star(settings),
        panels=panels(settings),
        formats=formats(settings),
    )


ORDERS = Domain("orders", OrderSettings, declare)
