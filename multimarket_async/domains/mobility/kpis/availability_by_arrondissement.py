"""Availability by arrondissement."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.mobility import availability, columns
from multimarket_async.domains.mobility.settings import MobilitySettings


def kpi(settings: MobilitySettings) -> Kpi:
    """One row an arrondissement."""
    name = "mobility_availability_by_arrondissement"
    return availability.kpi(
        settings,
        name=name,
        title="Availability by arrondissement",
        definition="All days, by arrondissement; Paris centre is the first to the fourth.",
        french={
            "Availability by arrondissement": "Disponibilité par arrondissement",
            name: "Tous les jours, par arrondissement ; Paris centre réunit les quatre premiers.",
        },
        keys=(columns.ARRONDISSEMENT,),
        place=3,
    )
