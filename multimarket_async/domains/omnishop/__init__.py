"""OmniShop: a chain with a site and stores; six sources of one shop, and five models on them."""

from multimarket_async.domains import Domain, LoadedDomain, Rehearsal, french_of, kpis_in
from multimarket_async.domains.omnishop import kpis, results
from multimarket_async.domains.omnishop.columns import FRENCH
from multimarket_async.domains.omnishop.dashboard import DASHBOARDS
from multimarket_async.domains.omnishop.dashboard import FRENCH as IN_DASHBOARDS
from multimarket_async.domains.omnishop.feeds import feeds
from multimarket_async.domains.omnishop.jobs import jobs
from multimarket_async.domains.omnishop.lookups import lookups
from multimarket_async.domains.omnishop.received import received
from multimarket_async.domains.omnishop.settings import OmniSettings

DAYS = 60


def declare(settings: OmniSettings) -> LoadedDomain:
    """Every declaration of the domain."""
    measured = kpis_in(kpis, settings)
    return LoadedDomain(
        "omnishop",
        (*feeds(settings), *results.feeds()),
        measured,
        received(),
        lookups=lookups(settings),
        french=french_of(measured, FRENCH, IN_DASHBOARDS),
        dashboards=DASHBOARDS,
        timezone=settings.timezone,
        jobs=jobs(settings),
        rehearsal=Rehearsal(DAYS, f"{DAYS}days"),
    )


OMNISHOP = Domain("omnishop", OmniSettings, declare)
