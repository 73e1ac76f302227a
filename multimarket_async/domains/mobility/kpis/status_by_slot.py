"""Status by slot of three hours, with the weather of that slot."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.mobility import availability, columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a day, slot and arrondissement."""
    keys, name = "date, slot, arrondissement", "mobility_status_by_slot"
    return Kpi(
        name=name,
        title="Status by slot",
        unit=columns.SECONDS,
        definition=f"A row a day ({settings.timezone}), slot of three hours and arrondissement, with the weather of"
        f" {settings.city} in that slot, of the newest run. {availability.stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(columns.DATE, columns.SLOT, columns.ARRONDISSEMENT, *columns.DURATIONS, *columns.SKIES),
        query=f"""{pieces.spent(settings)}, summed AS (
  SELECT {keys}, {rollups.durations()} FROM spent GROUP BY ALL)
SELECT summed.*, {rollups.RATES}, {columns.SKY_VALUES}
FROM summed LEFT JOIN skies USING (date, slot) ORDER BY {keys}""",
        check=f"""
WITH summed AS (SELECT {keys}, {availability.checked()} FROM piece JOIN place USING (point) GROUP BY {keys})
SELECT summed.*, {availability.CHECKED_RATES}, {columns.SKY_VALUES}
FROM summed LEFT JOIN air USING (date, slot) ORDER BY {keys}""",
        french={
            "Status by slot": "États par tranche",
            name: f"Une ligne par jour ({settings.timezone}), tranche de trois heures et arrondissement, avec la météo"
            f" de {settings.city}, de la dernière prévision. {availability.stale(settings, columns.CONNUS)}",
        },
        place=1,
    )
