"""Occupancy by classes of rain and temperature."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import availability, columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings

# Classes by their lowest value that is none of them any more, in hundredths.
RAIN = {"no rain": 1, "under 1 mm": 100, "1 to 4 mm": 400, "4 mm and more": None}
TEMPERATURE = {"below 0 °C": 0, "0 to 10 °C": 1000, "10 to 20 °C": 2000, "20 to 30 °C": 3000, "30 °C and more": None}
NONE = "not known"
LABELS = {
    "no rain": "sans pluie", "under 1 mm": "moins de 1 mm", "1 to 4 mm": "de 1 à 4 mm",
    "4 mm and more": "4 mm et plus", "below 0 °C": "sous 0 °C", "0 to 10 °C": "de 0 à 10 °C",
    "10 to 20 °C": "de 10 à 20 °C", "20 to 30 °C": "de 20 à 30 °C", "30 °C and more": "30 °C et plus",
    NONE: "inconnu",
}  # fmt: skip


def _class(value: str, classes: dict[str, int | None]) -> str:
    """An expression for the class of a value."""
    cases = (f"WHEN {value} < {below} THEN '{name}'" for name, below in classes.items() if below is not None)
    return f"CASE WHEN {value} IS NULL THEN '{NONE}' {' '.join(cases)} ELSE '{[*classes][-1]}' END"


def _columns() -> tuple[Column, ...]:
    rain, temperature = (tuple((name, name) for name in (*of, NONE)) for of in (RAIN, TEMPERATURE))
    return (
        Column("rain_class", "string", "Rain in three hours", labels=rain),
        Column("temperature_class", "string", "Temperature", labels=temperature),
        Column("slots", "integer", "Slots"),
    )


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a class of rain and of temperature."""
    name = "mobility_weather_and_occupancy"
    classes = f"""{_class("rain_100", RAIN)} AS rain_class,
    {_class("temperature_100", TEMPERATURE)} AS temperature_class,
    count(DISTINCT date || slot) AS slots"""
    order = "ORDER BY rain_class, temperature_class"
    return Kpi(
        name=name,
        title="Weather and occupancy",
        unit=columns.SECONDS,
        definition=f"Slots of three hours of all points, by the rain that fell in {settings.city} and the temperature."
        f" {availability.stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(*_columns(), *columns.DURATIONS),
        query=f"""{pieces.spent(settings)}, summed AS (
  SELECT {classes}, {rollups.durations()} FROM spent LEFT JOIN skies USING (date, slot) GROUP BY ALL)
SELECT *, {rollups.RATES} FROM summed {order}""",
        check=f"""
WITH summed AS (
  SELECT {classes}, {availability.checked()} FROM piece LEFT JOIN air USING (date, slot) GROUP BY ALL)
SELECT *, {availability.CHECKED_RATES} FROM summed {order}""",
        french={
            "Weather and occupancy": "Météo et occupation",
            "Slots": "Tranches",
            **LABELS,
            name: f"Tranches de trois heures de tous les points, selon la pluie tombée à {settings.city} et la"
            f" température. {availability.stale(settings, columns.CONNUS)}",
        },
        place=5,
    )
