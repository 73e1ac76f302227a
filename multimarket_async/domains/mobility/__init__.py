"""Mobility: charging points of a city, observed by polling, and its weather."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from multimarket_async.domains import Domain, LoadedDomain, Rehearsal, french_of, kpis_in
from multimarket_async.domains.mobility import kpis
from multimarket_async.domains.mobility.columns import FRENCH
from multimarket_async.domains.mobility.dashboard import DASHBOARD
from multimarket_async.domains.mobility.dashboard import FRENCH as IN_DASHBOARD
from multimarket_async.domains.mobility.feeds import feeds, polled
from multimarket_async.domains.mobility.grafana import PANELS
from multimarket_async.domains.mobility.received import received
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.domains.mobility.simulator.files import DAYS, POLLS_A_DAY
from multimarket_async.domains.mobility.star import export, star


def declare(settings: MobilitySettings) -> LoadedDomain:
    """Every declaration of the domain."""
    measured = kpis_in(kpis, settings)
    return LoadedDomain(
        "mobility",
        feeds(settings),
        measured,
        received(settings),
        french=french_of(measured, FRENCH, IN_DASHBOARD),
        dashboards=(DASHBOARD,),
        timezone=settings.timezone,
        schedule=settings.schedule,
        star=star(settings),
        export=export(settings),
        panels=PANELS,
        rehearsal=Rehearsal(DAYS * POLLS_A_DAY, f"{DAYS}days", partial(polled, settings)),
        serve=partial(_serve, settings),
    )


def _serve(settings: MobilitySettings, seed: int, now: Callable[[], datetime]) -> Any:
    from multimarket_async.domains.mobility.api import service  # noqa: PLC0415 - 0.3 s, only where it is served

    return service(seed, settings, now)


MOBILITY = Domain("mobility", MobilitySettings, declare)
