"""MultiMarket's three sales channels: orders as JSON files, one file an order."""

from multimarket_async.domains import Domain, Feed
from multimarket_async.domains.orders.audit import OrderAudit
from multimarket_async.domains.orders.cube import COLLECTION, cubes
from multimarket_async.domains.orders.kpis import kpis
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
            partition=partition,
            spoiling=spoiling(canal, settings),
        )
        for directory, canal in CHANNELS.items()
    ]


ORDERS = Domain("orders", OrderSettings, _feeds, cubes, kpis, OrderAudit)
