"""MultiMarket's three sales channels: orders as JSON files, one file an order."""

from functools import partial

from multimarket_async.domains import Domain, Feed
from multimarket_async.domains.orders.audit import OrderAudit
from multimarket_async.domains.orders.cube import COLLECTION, cubes
from multimarket_async.domains.orders.followup import lifecycle
from multimarket_async.domains.orders.french import french
from multimarket_async.domains.orders.kpis import kpis
from multimarket_async.domains.orders.listings import listings
from multimarket_async.domains.orders.order import parser, partition
from multimarket_async.domains.orders.settings import CHANNELS, OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.domains.orders.simulator.invalid import corruptions
from multimarket_async.domains.orders.simulator.lifecycle import simulate_follow_ups


def _feeds(settings: OrderSettings) -> list[Feed]:
    """A directory for each channel; `canal` is how its orders name it."""
    return [
        Feed(
            name=directory,
            collection=COLLECTION,
            parse=parser(canal, settings),
            simulate=Simulator(canal, settings),
            simulate_follow_ups=partial(simulate_follow_ups, settings=settings),
            partition=partition,
            corruptions=corruptions(canal, settings),
            life=lifecycle(settings),
        )
        for directory, canal in CHANNELS.items()
    ]


ORDERS = Domain("orders", OrderSettings, _feeds, cubes, kpis, OrderAudit, french, listings)
