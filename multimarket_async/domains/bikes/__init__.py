"""Bikes: price lists, shops, order lines and customers as CSV files, their quality, who bought what, and models."""

from collections.abc import Callable, Iterable
from functools import partial

from multimarket_async.domains import (
    Derived,
    Domain,
    Feed,
    IncomingFile,
    LoadedDomain,
    Received,
    Record,
    Table,
    french_of,
    kpis_in,
)
from multimarket_async.domains.bikes import audits, files, kpis, received, results
from multimarket_async.domains.bikes.columns import FRENCH
from multimarket_async.domains.bikes.dashboard import DASHBOARDS
from multimarket_async.domains.bikes.dashboard import FRENCH as IN_DASHBOARDS
from multimarket_async.domains.bikes.jobs import jobs
from multimarket_async.domains.bikes.quality import FRENCH as OF_QUALITY
from multimarket_async.domains.bikes.settings import BikeSettings
from multimarket_async.domains.bikes.simulator import SIMULATORS, corruptions
from multimarket_async.formats import Csv

BUDGET_S = 30  # an export is the whole history
KEY = ("order.id", "order.line")
LISTS = 24  # simulated ones of each kind: one a month of two years


def _feed(
    table: Table,
    read: Callable[[IncomingFile], Iterable[Record]],
    derived: tuple[Derived, ...],
    suffixes: tuple[str, ...] = (".csv",),
) -> Feed:
    return Feed(
        name=table.name,
        table=table,
        read=read,
        suffixes=suffixes,
        records="many",
        on_bad_record="keep_rest",
        self_delimiting=False,
        latency_budget_s=BUDGET_S,
        derived=derived,
        simulate=SIMULATORS[table.name],
        simulated_files=LISTS if table.mode == "replace" else None,
        corruptions=corruptions(table.name),
    )


def _feeds(settings: BikeSettings) -> tuple[Feed, ...]:
    """Lists are replaced by the next one; order lines by a later export that has them."""
    bikes, shops = files.BIKES.reader(files.bike), files.SHOPS.reader(files.shop)
    customers = files.customers(settings).reader(files.customer)
    orders = partial(files.read_orders, settings=settings)
    persons = Table("bike_customers", "replace", person="customer")
    return (
        _feed(Table("bikes", "replace"), bikes, (*audits.audited("bikes", bikes), audits.priced(bikes))),
        _feed(Table("bikeshops", "replace"), shops, audits.audited("bikeshops", shops)),
        _feed(
            Table("bike_orders", "upsert"), orders, audits.audited("orders", orders, KEY), suffixes=(".csv", ".xlsx")
        ),
        _feed(persons, customers, audits.audited("customers", customers)),
        *results.feeds(),
    )


def _formats(settings: BikeSettings) -> dict[str, Csv]:
    """The format of each feed, as far as it decides how a file becomes text."""
    orders = Csv({"order.id": files.Text("order")}, **files.FOUND)
    return {
        "bikes": files.BIKES,
        "bikeshops": files.SHOPS,
        "bike_orders": orders,
        "bike_customers": files.customers(settings),
    }


def declare(settings: BikeSettings) -> LoadedDomain:
    """Every declaration of the domain."""
    measured = kpis_in(kpis, settings)
    french = french_of(measured, FRENCH, OF_QUALITY, IN_DASHBOARDS)
    utf8 = {name: csv.utf8 for name, csv in _formats(settings).items()}
    return LoadedDomain(
        "bikes",
        _feeds(settings),
        measured,
        Received(received.tables(settings), csv=results.HEADERS, utf8=utf8),
        french=french,
        dashboards=DASHBOARDS,
        timezone=settings.timezone,
        jobs=jobs(settings),
    )


BIKES = Domain("bikes", BikeSettings, declare)
