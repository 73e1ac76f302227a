"""Best hours."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import availability, columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings

WEEKDAYS = {
    "Monday": "lundi", "Tuesday": "mardi", "Wednesday": "mercredi", "Thursday": "jeudi", "Friday": "vendredi",
    "Saturday": "samedi", "Sunday": "dimanche",
}  # fmt: skip


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a weekday and slot, the best first."""
    name = "mobility_best_hours"
    ranked = "row_number() OVER (ORDER BY availability_rate DESC NULLS LAST, weekday, slot) AS rank"
    return Kpi(
        name=name,
        title="Best hours",
        unit=columns.SECONDS,
        definition=f"Slots of three hours ({settings.timezone}) of each day of the week, over all points and days, by"
        f" availability; equal ones by weekday and slot. {availability.stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(
            Column("rank", "integer", "Rank", role="other"),
            Column("weekday", "integer", "Weekday", role="key", labels=tuple(enumerate(WEEKDAYS, start=1))),
            columns.SLOT,
            *columns.DURATIONS,
        ),
        query=f"""{pieces.spent(settings)}, summed AS (
  SELECT isodow(date::DATE) AS weekday, slot, {rollups.durations()} FROM spent GROUP BY ALL),
rated AS (SELECT *, {rollups.RATES} FROM summed)
SELECT {ranked}, * FROM rated ORDER BY rank""",
        check=f"""
WITH summed AS (
  SELECT list_position(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'], strftime(date::DATE, '%a')) AS weekday, slot,
    {availability.checked()} FROM piece GROUP BY weekday, slot),
rated AS (SELECT *, {availability.CHECKED_RATES} FROM summed)
SELECT {ranked}, * FROM rated ORDER BY rank""",
        french={
            "Best hours": "Meilleures heures",
            "Rank": "Rang",
            "Weekday": "Jour de la semaine",
            **WEEKDAYS,
            name: f"Tranches de trois heures ({settings.timezone}) de chaque jour de la semaine, tous points et jours,"
            f" par disponibilité. {availability.stale(settings, columns.CONNUS)}",
        },
        key=("weekday", "slot"),
        place=6,
    )
