"""MultiMarket's three sales channels: orders as JSON files, one file an order."""

from functools import partial

from multimarket_async.domains import Domain, Feed
from multimarket_async.domains.orders.audit import OrderAudit
from multimarket_async.domains.orders.cube import COLLECTION, cubes
from multimarket_async.domains.orders.followup import life_cycle
from multimarket_async.domains.orders.french import french
from multimarket_async.domains.orders.kpis import kpis
from multimarket_async.domains.orders.lifecycle_simulator import simulate_later
from multimarket_async.domains.orders.listings import listings
from multimarket_async.domains.orders.order import partition
from multimarket_async.domains.orders.plain import parser
from multimarket_async.domains.orders.rules import CHANNELS, OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.domains.orders.spoiled import spoiling


def _feeds(settings: OrderSettings) -> list[Feed]:
    """A directory for each channel; `canal` is how its orders name it."""
    return [
        Feed(
            name=directory,
            collection=COLLECTION,
            parse=parser(canal, settings),
            simulate=Simulator(canal, settings),
            simulate_later=partial(simulate_later, settings=settings),
            partition=partition,
            spoiling=spoiling(canal, settings),
            life=life_cycle(settings),
        )
        for directory, canal in CHANNELS.items()
    ]


ORDERS = Domain("orders", OrderSettings, _feeds, cubes, kpis, OrderAudit, french, listings)
