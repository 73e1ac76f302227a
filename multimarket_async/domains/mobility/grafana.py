"""Panels of Grafana over the warehouse."""

from multimarket_async.domains import Panel

STARTED = "(day + make_interval(hours => from_hour))"
RATE = "round(100.0 * sum({}) / nullif(sum({}), 0), 2)"
AVAILABILITY, OCCUPANCY = RATE.format("available_s", "known_s"), RATE.format("occupied_s", "usable_s")

PANELS = (
    Panel(
        "Availability and occupancy",
        "timeseries",
        f"SELECT {STARTED} AS time, {AVAILABILITY} AS availability, {OCCUPANCY} AS occupancy"
        f" FROM fact_status_slot JOIN dim_slot USING (slot) WHERE $__timeFilter({STARTED}) GROUP BY 1 ORDER BY 1",
        "percent",
    ),
    Panel(
        "Rain and temperature",
        "timeseries",
        f"SELECT {STARTED} AS time, rain_mm, temperature_c FROM fact_weather_slot JOIN dim_slot USING (slot)"
        f" WHERE $__timeFilter({STARTED}) ORDER BY 1",
    ),
    Panel(
        "Occupancy over the day",
        "barchart",
        f"SELECT slot, {OCCUPANCY} AS occupancy FROM fact_status_slot GROUP BY slot ORDER BY slot",
        "percent",
    ),
    Panel(
        "Occupancy by rain",
        "barchart",
        f"SELECT CASE WHEN rain_mm = 0 THEN 'no rain' WHEN rain_mm < 1 THEN 'under 1 mm' ELSE '1 mm and more' END"
        f" AS rain, {OCCUPANCY} AS occupancy FROM fact_status_slot JOIN fact_weather_slot USING (day, slot)"
        f" WHERE rain_mm IS NOT NULL GROUP BY 1 ORDER BY min(rain_mm)",
        "percent",
    ),
    Panel(
        "Availability by arrondissement",
        "barchart",
        f"SELECT arrondissement, {AVAILABILITY} AS availability FROM fact_status_slot JOIN dim_point USING (point_id)"
        " JOIN dim_station USING (station_id) GROUP BY 1 ORDER BY 2",
        "percent",
    ),
    Panel("Freshness of sources", "table", "SELECT * FROM kpi_mobility_source_freshness"),
)
