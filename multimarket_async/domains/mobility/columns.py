"""Columns that the KPIs of mobility share, and the words of all of them in French."""

from multimarket_async.domains import Column

SECONDS = "point-seconds"
TITLES = {
    "available_s": "Available", "occupied_s": "Occupied", "maintenance_s": "In maintenance", "other_s": "Other status",
    "unknown_s": "Unknown", "known_s": "Known status", "usable_s": "Available or occupied",
}  # fmt: skip
DATE = Column("date", "string", "Day", role="time")
SLOT = Column("slot", "string", "Slot")
ARRONDISSEMENT = Column("arrondissement", "string", "Arrondissement")
STATION = (
    Column("station_id", "string", "Station"),
    Column("address", "string", "Address", nullable=True, role="other"),
)
DURATIONS = (
    *(Column(name, "integer", title, SECONDS) for name, title in TITLES.items()),
    Column("changes", "integer", "Changes of status"),
    Column("availability_rate", "percent", "Availability", "%", nullable=True, of=("available_s", "known_s")),
    Column("occupancy_rate", "percent", "Occupancy", "%", nullable=True, of=("occupied_s", "usable_s")),
)
# Means are ratios of sums, so that rows can be added up.
SKIES = (
    Column("temperature_c", "double", "Temperature", "°C", nullable=True, of=("temperature_sum", "temperature_slots")),
    Column("rain_mm", "double", "Rain in three hours", "mm", nullable=True, of=("rain_sum", "rain_slots")),
    Column("wind_kmh", "double", "Wind", "km/h", nullable=True, of=("wind_sum", "wind_slots")),
    *(Column(f"{of}_sum", "double", f"Sum of {of}", role="sum", hidden=True) for of in ("temperature", "rain", "wind")),
    *(Column(f"{of}_slots", "integer", f"Slots with {of}", hidden=True) for of in ("temperature", "rain", "wind")),
)
SKY_VALUES = """amount(temperature_100) AS temperature_c, amount(rain_100) AS rain_mm, amount(wind_100) AS wind_kmh,
    amount(coalesce(temperature_100, 0)) AS temperature_sum, amount(coalesce(rain_100, 0)) AS rain_sum,
    amount(coalesce(wind_100, 0)) AS wind_sum, (temperature_100 IS NOT NULL)::BIGINT AS temperature_slots,
    (rain_100 IS NOT NULL)::BIGINT AS rain_slots, (wind_100 IS NOT NULL)::BIGINT AS wind_slots"""
KNOWN = (
    "A point keeps a status until its next observation, or until it is stale ({stale}) and counts as unknown; so "
    "durations count, not polls. Available: Disponible; occupied: Occupé (en charge); other: any status but these, "
    "En maintenance and Inconnu. Availability is the share of available in known status, occupancy that of occupied "
    "in available or occupied. Days begin with that of the first poll; a point does not count while answers lack it."
)
CONNUS = (
    "Un point garde un état jusqu'à l'observation suivante, ou jusqu'à ce qu'il soit périmé ({stale}) et compte comme "
    "inconnu : ce sont les durées qui comptent, pas les relevés. Disponible et Occupé (en charge) sont ces états ; "
    "autre : tout état sauf ceux-ci, En maintenance et Inconnu. La disponibilité est la part du disponible dans le "
    "connu, l'occupation celle de l'occupé dans le disponible ou occupé. Les jours commencent à celui du premier "
    "relevé ; un point ne compte pas tant que les réponses ne l'ont pas."
)
FRENCH = {
    "It has no temperature, no rain and no wind": "Elle n'a ni température, ni pluie, ni vent",
    "It is no answer of infoclimat, OpenWeather or Open-Meteo": (
        "Ce n'est pas une réponse d'infoclimat, d'OpenWeather ou d'Open-Meteo"
    ),
    "infoclimat answers {}": "infoclimat répond {}",
    "OpenWeather answers {}": "OpenWeather répond {}",
    "{} is in {}, not in {}": "{} est en {}, et non en {}",
    "The lists of `hourly` have not one length": "Les listes de `hourly` n'ont pas la même longueur",
    "Its time is no number of seconds since 1970": "Son heure n'est pas un nombre de secondes depuis 1970",
    "Mobility": "Mobilité",
    "mobility": "observations",
    SECONDS: "secondes de point",
    "Day": "Jour",
    "Slot": "Tranche",
    "Arrondissement": "Arrondissement",
    "Station": "Station",
    "Address": "Adresse",
    "Available": "Disponible",
    "Occupied": "Occupé",
    "In maintenance": "En maintenance",
    "Other status": "Autre état",
    "Unknown": "Inconnu",
    "Known status": "État connu",
    "Available or occupied": "Disponible ou occupé",
    "Changes of status": "Changements d'état",
    "Availability": "Disponibilité",
    "Occupancy": "Occupation",
    "Temperature": "Température",
    "Rain in three hours": "Pluie en trois heures",
    "Wind": "Vent",
    "Sum of temperature": "Somme des températures",
    "Sum of rain": "Somme des pluies",
    "Sum of wind": "Somme des vents",
    "Slots with temperature": "Tranches avec température",
    "Slots with rain": "Tranches avec pluie",
    "Slots with wind": "Tranches avec vent",
    "km/h": "km/h",
    "mm": "mm",
    "Points": "Points",
    "Observations": "Observations",
}
