"""RetailInsights: footfall and sales of stores, from files or from its API."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from multimarket_async.domains import Domain, LoadedDomain, Rehearsal, french_of, kpis_in
from multimarket_async.domains.retail import kpis
from multimarket_async.domains.retail.columns import FRENCH
from multimarket_async.domains.retail.dashboard import DASHBOARD
from multimarket_async.domains.retail.dashboard import FRENCH as IN_DASHBOARD
from multimarket_async.domains.retail.feeds import feeds
from multimarket_async.domains.retail.lake import LAKE
from multimarket_async.domains.retail.received import received
from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.star import star

DAYS = 28  # of every store


def declare(settings: RetailSettings) -> LoadedDomain:
    """Every declaration of the domain."""
    measured = kpis_in(kpis, settings)
    french = french_of(measured, FRENCH, IN_DASHBOARD)
    return LoadedDomain(
        "retail",
        feeds(settings),
        measured,
        received(settings),
        french=french,
        dashboards=(DASHBOARD,),
        timezone=settings.timezone,
        schedule=settings.schedule,
        star=star(settings),
        lake=LAKE,
        rehearsal=Rehearsal(DAYS * settings.simulated_stores, f"{DAYS}days"),
        serve=partial(_serve, settings),
    )


def _serve(settings: RetailSettings, seed: int, now: Callable[[], datetime]) -> Any:
    from multimarket_async.domains.retail.api import service  # noqa: PLC0415 - 0.3 s, only where it is served

    return service(seed, settings, now)


RETAIL = Domain("retail", RetailSettings, declare)
