"""The part of mobility in the page."""

from multimarket_async.domains import Chart, Dashboard, Tile

DASHBOARD = Dashboard(
    kpi="mobility_status_by_slot",
    title="Mobility",
    time="date",
    filters=("arrondissement", "slot"),
    count="known_s",
    tiles=(Tile("availability_rate"), Tile("occupancy_rate"), Tile("changes"), Tile("temperature_c"), Tile("rain_mm")),
    charts=(
        Chart(
            ("points",),
            x="station_id",
            series="state",
            kpi="mobility_availability_by_station",
            title="Stations by status",
            place=("longitude", "latitude"),
            wide=True,
        ),
        Chart(("occupancy_rate", "rain_mm"), x="slot", title="Occupancy and rain over the day", together=True),
        Chart(("temperature_c", "wind_kmh"), x="slot", title="Temperature and wind over the day", together=True),
        Chart(("occupancy_rate", "rain_mm"), x="date", title="Occupancy and rain by day", together=True, wide=True),
        Chart(("occupancy_rate",), x="temperature_class", series="rain_class", kpi="mobility_weather_and_occupancy"),
        Chart(("availability_rate",), x="arrondissement", title="Availability by arrondissement"),
    ),
)
FRENCH = {
    "Stations by status": "Stations par état",
    "Occupancy and rain over the day": "Occupation et pluie au fil de la journée",
    "Temperature and wind over the day": "Température et vent au fil de la journée",
    "Occupancy and rain by day": "Occupation et pluie par jour",
}
