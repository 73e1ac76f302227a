"""Availability by day."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.mobility import availability, columns
from multimarket_async.domains.mobility.settings import MobilitySettings


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a day."""
    name = "mobility_availability_by_day"
    return availability.kpi(
        settings,
        name=name,
        title="Availability by day",
        definition=f"All points, by day ({settings.timezone}).",
        french={
            "Availability by day": "Disponibilité par jour",
            name: f"Tous les points, par jour ({settings.timezone}).",
        },
        keys=(columns.DATE,),
        place=2,
        headline=True,
    )
