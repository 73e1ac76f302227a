"""The city that is simulated: points that are occupied, repaired and free again, and its weather; all of a seed."""

import math
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from multimarket_async.simulation import between, keyed

AVAILABLE, OCCUPIED, MAINTENANCE, UNKNOWN = "Disponible", "Occupé (en charge)", "En maintenance", "Inconnu"
LARGEST_STATION = 6
LONGITUDES, LATITUDES = (2.25, 2.41), (48.82, 48.90)
STREETS = ("Rue de la Mesure", "Place des Essais", "Avenue du Relevé", "Quai des Exemples", "Boulevard du Modèle")
DISTRICTS = ("Paris centre", *(f"{number}e Arrondissement" for number in range(5, 21)))
# Sessions that begin in each hour, relative to each other.
DEMAND = (1, 1, 1, 1, 1, 2, 4, 8, 10, 9, 7, 6, 7, 7, 6, 6, 8, 10, 11, 9, 6, 4, 3, 2)
SHORTEST_S, LONGEST_S = 1_200, 14_400
REPAIRED, SILENT, GONE, NAMELESS = 0.03, 0.01, 0.003, 0.01  # shares of the days of points; of the points
DAY, SLOT = timedelta(days=1), timedelta(hours=3)
RAINY, HEAVIEST_MM = 0.28, 7
AHEAD_SLOTS = 7 * 8


class Point(NamedTuple):
    """A point. number: among all."""

    number: int
    id: str
    address: str | None
    district: str
    insee: str
    longitude: float
    latitude: float


class Sky(NamedTuple):
    """The weather of three hours: degrees Celsius, mm, km/h, degrees, hPa, percent."""

    temperature: float
    rain: float
    wind: float
    direction: int
    pressure: float
    humidity: float


class City:
    """Its points, their status at any time, and its weather."""

    def __init__(self, seed: int, points: int, zone: ZoneInfo) -> None:
        self.seed, self.zone = seed, zone
        self.points = self._points(points)
        self._day = lru_cache(maxsize=4 * points)(self._day_of)

    def _points(self, count: int) -> list[Point]:
        points, station = list[Point](), 0
        while len(points) < count:
            station += 1
            points += self._station(station, len(points))
        return sorted(points[:count], key=lambda point: point.id)

    def _station(self, station: int, first: int) -> list[Point]:
        rng = keyed(self.seed, "station", station)
        district = int(rng.random() * len(DISTRICTS))
        place = f"{1 + int(rng.random() * 90)} {STREETS[int(rng.random() * len(STREETS))]}"
        insee = f"751{district + 4:02}"
        address = None if rng.random() < NAMELESS else f"{place} {insee} Paris"
        where = round(between(rng, *LONGITUDES), 6), round(between(rng, *LATITUDES), 6)
        name = f"FR*V75*E{9000 + station}*01" if station % 9 else f"FR*V75*EXMPL*P{station:03}*04"
        size = 1 + int(rng.random() * LARGEST_STATION)
        return [
            Point(first + number, f"{name}*{number + 1}", address, DISTRICTS[district], insee, *where)
            for number in range(size)
        ]

    def records(self, at: datetime) -> list[dict[str, Any]]:
        """The points of the answer at this time, in order."""
        return [self._record(point, at) for point in self.points if not self.is_gone(point, at)]

    def is_gone(self, point: Point, at: datetime) -> bool:
        """True on days on which the answer lacks a point."""
        return keyed(self.seed, "gone", point.id, at.date()).random() < GONE

    def _record(self, point: Point, at: datetime) -> dict[str, Any]:
        status, since = self.status(point, at)
        zone = UTC if point.number % 2 else self.zone
        return {
            "id_pdc": point.id,
            "statut_pdc": status,
            "url_description_pdc": None,
            "last_updated": since.astimezone(zone).isoformat(timespec="seconds"),
            "coordonneesxy": {"lon": point.longitude, "lat": point.latitude},
            "adresse_station": point.address,
            "code_insee_commune": point.insee,
            "arrondissement": point.district,
        }

    def status(self, point: Point, at: datetime) -> tuple[str, datetime]:
        """The status of a point at this time, and since when it has it."""
        changes = self._day(point, at.date())
        if at < changes[0][0]:
            return self._day(point, at.date() - DAY)[-1][::-1]
        return changes[bisect_right(changes, at, key=lambda change: change[0]) - 1][::-1]

    def _day_of(self, point: Point, day: date) -> list[tuple[datetime, str]]:
        """The changes of a day (UTC), at least one."""
        rng, midnight = keyed(self.seed, point.id, day), datetime(day.year, day.month, day.day, tzinfo=UTC)
        kind = rng.random()
        if kind < REPAIRED + SILENT:
            status = MAINTENANCE if kind < REPAIRED else UNKNOWN
            return [(midnight + timedelta(hours=6, seconds=int(rng.random() * 7200)), status),
                    (midnight + timedelta(hours=15, seconds=int(rng.random() * 7200)), AVAILABLE)]  # fmt: skip
        dry = self.sky(midnight + timedelta(hours=12)).rain == 0
        sessions, changes, free = 2 + int(rng.random() * (5 if dry else 3)), list[tuple[datetime, str]](), midnight
        for begins in sorted(self._begins(rng, midnight) for _ in range(sessions)):
            ends = max(begins, free) + timedelta(seconds=int(between(rng, SHORTEST_S, LONGEST_S)))
            if begins <= free or ends >= midnight + DAY:
                continue
            changes += [(begins, OCCUPIED), (ends, AVAILABLE)]
            free = ends
        return changes or [(midnight + timedelta(seconds=1), AVAILABLE)]

    def _begins(self, rng: Random, midnight: datetime) -> datetime:
        """A time, by the demand of local hours."""
        left = rng.random() * sum(DEMAND)
        hour = next(hour for hour in range(24) if (left := left - DEMAND[hour]) < 0 or hour == 23)  # noqa: PLR2004
        offset = midnight.astimezone(self.zone).utcoffset() or timedelta()
        at = midnight + timedelta(hours=hour, seconds=1 + int(rng.random() * 3598)) - offset
        return at if at > midnight else at + DAY - timedelta(seconds=2)

    def sky(self, at: datetime, run: datetime | None = None) -> Sky:
        """The weather of the three hours (UTC) around this time; as a run said before, which errs the more."""
        slot = at.replace(hour=at.hour // 3 * 3, minute=0, second=0, microsecond=0)
        rng = keyed(self.seed, "sky", slot)
        season = -math.cos(2 * math.pi * (slot.timetuple().tm_yday - 15) / 365)
        daily = -math.cos(2 * math.pi * (slot.hour - 3) / 24)
        lead = max((slot - run) / DAY, 0) if run else 0
        error = lead * between(keyed(self.seed, "run", run, slot), -1, 1)
        temperature = 12 + 8 * season + 4 * daily + between(rng, -2, 2) + error
        rain = between(rng, 0.1, HEAVIEST_MM) ** 2 / HEAVIEST_MM if rng.random() < RAINY else 0
        wind = max(between(rng, 2, 35) + error, 0)
        return Sky(temperature, round(rain, 1), round(wind, 1), int(rng.random() * 540),
                   between(rng, 990, 1030), round(between(rng, 50, 100), 1))  # fmt: skip

    def infoclimat(self, at: datetime) -> dict[str, Any]:
        """Its answer: seven days of local times without a zone, of the newest run."""
        run = at.replace(hour=at.hour // 6 * 6, minute=0, second=0, microsecond=0)
        head = {"request_state": 200, "request_key": f"{keyed(at).random():.16f}", "message": "OK",
                "model_run": f"{run:%H}", "source": "internal:GFS:1"}  # fmt: skip
        slots = (run + number * SLOT for number in range(AHEAD_SLOTS))
        return head | {f"{slot.astimezone(self.zone):%Y-%m-%d %H:%M:%S}": _gfs(self.sky(slot, run)) for slot in slots}

    def openweather(self, at: datetime) -> dict[str, Any]:
        """Its answer: the observation of the last full ten minutes."""
        observed = at.replace(minute=at.minute // 10 * 10, second=8, microsecond=0)
        observed -= timedelta(minutes=10) if observed > at else timedelta()
        sky = self.sky(observed)
        rain = {"rain": {"1h": round(sky.rain / 3, 2)}} if sky.rain else {}
        return {
            "coord": {"lon": 2.3488, "lat": 48.8534}, "base": "stations", "name": "Paris", "cod": 200,
            "main": {"temp": round(sky.temperature + 273.15, 2), "pressure": round(sky.pressure),
                     "humidity": round(sky.humidity)},
            "wind": {"speed": round(sky.wind / 3.6, 2), "deg": sky.direction % 360}, **rain,
            "dt": int(observed.timestamp()), "sys": {"country": "FR"}, "timezone": 3600,
        }  # fmt: skip

    def open_meteo(self, at: datetime) -> dict[str, Any]:
        """Its answer: hours of UTC in seconds since 1970, from yesterday on."""
        run = at.replace(minute=0, second=0, microsecond=0)
        first = run.replace(hour=0) - DAY
        times = [first + timedelta(hours=hour) for hour in range(8 * 24)]
        skies = [self.sky(time, run) for time in times]
        return {
            "latitude": 48.86, "longitude": 2.35, "generationtime_ms": keyed(at).random(), "utc_offset_seconds": 0,
            "timezone": "GMT", "hourly": {
                "time": [int(time.timestamp()) for time in times],
                "temperature_2m": [round(sky.temperature, 1) for sky in skies],
                "relative_humidity_2m": [round(sky.humidity) for sky in skies],
                "precipitation": [round(sky.rain / 3, 2) for sky in skies],
                "pressure_msl": [round(sky.pressure, 1) for sky in skies],
                "wind_speed_10m": [round(sky.wind, 1) for sky in skies],
                "wind_gusts_10m": [round(sky.wind * 1.7, 1) for sky in skies],
                "wind_direction_10m": [sky.direction % 360 for sky in skies],
            },
        }  # fmt: skip


def _gfs(sky: Sky) -> dict[str, Any]:
    """As infoclimat gives them: a level that is missing is -0.1 K, and a direction may be more than a full turn."""
    return {
        "temperature": {"2m": round(sky.temperature + 273.15, 1), "500hPa": -0.1, "850hPa": -0.1},
        "pression": {"niveau_de_la_mer": int(sky.pressure * 100)},
        "pluie": sky.rain, "pluie_convective": -0.5, "humidite": {"2m": sky.humidity},
        "vent_moyen": {"10m": sky.wind}, "vent_rafales": {"10m": round(sky.wind * 1.7, 1)},
        "vent_direction": {"10m": sky.direction}, "risque_neige": "non",
    }  # fmt: skip
