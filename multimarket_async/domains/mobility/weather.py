"""Answers about the weather, of any provider, as slots: an instant, the model run that says so, and normalised values.

Units are degrees Celsius, hPa, mm, km/h, percent and degrees; a value outside of what is possible is missing.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from multimarket_async.domains import Document, IncomingFile, Record, RejectedRecord
from multimarket_async.domains.mobility.instants import EARLIEST, as_key, instant, polled_at, same_as, to_ms
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import loads

KELVIN, HUNDREDTH, MPS_TO_KMH = Decimal("273.15"), Decimal("0.01"), Decimal("3.6")
# The lowest and the highest value of each measure that is none of a fault.
POSSIBLE: Mapping[str, tuple[Decimal, Decimal]] = {
    "temperature_c": (Decimal(-90), Decimal(60)), "pressure_hpa": (Decimal(850), Decimal(1100)),
    "rain_mm": (Decimal(0), Decimal(1000)), "wind_kmh": (Decimal(0), Decimal(500)),
    "gust_kmh": (Decimal(0), Decimal(500)), "humidity_pct": (Decimal(0), Decimal(100)),
    "wind_direction": (Decimal(0), Decimal(360)),
}  # fmt: skip
NEEDED = ("temperature_c", "rain_mm", "wind_kmh")
SLOT_KEY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
# A run is named by its hour: the one from so long before the first slot on.
RUN_FROM, HOURS = timedelta(hours=6), 24
EVERY_H = 3  # hours of a slot of infoclimat, and of OpenWeather's forecast
LATEST_S = 10**11

Values = dict[str, Decimal | None]


class Slot(NamedTuple):
    """A slot. hours: over which its rain fell. observed: it is no forecast."""

    at: datetime
    run: datetime
    hours: int
    values: Values
    observed: bool = False


class Weather:
    """A reader of files of weather, under the settings of the domain."""

    def __init__(self, settings: MobilitySettings) -> None:
        self._zone, self._place = ZoneInfo(settings.local_timezone), settings.city

    def slots(self, file: IncomingFile) -> Iterator[Record]:
        """The slots of a file; a mark has none. Raises Rejected where it is no answer of a provider."""
        if same_as(file):
            return
        tree = loads(file.content)
        fetched_at = polled_at(file)
        provider, read = _provider(tree)
        for given, make in read(tree, fetched_at, self._zone):
            try:
                yield self._document(provider, make(), fetched_at)
            except Rejected as reason:
                yield RejectedRecord((reason,), 1, json.dumps(given, ensure_ascii=False).encode())

    def polls(self, file: IncomingFile) -> Iterator[Document]:
        """The time of the answer, also of one that repeats the one before."""
        at = polled_at(file)
        yield {"_id": as_key(at), "polled_at": at}

    def _document(self, provider: str, slot: Slot, fetched_at: datetime) -> Document:
        if all(slot.values[name] is None for name in NEEDED):
            raise Rejected("no_measure", "It has no temperature, no rain and no wind.")
        values = {name: None if value is None else float(value) for name, value in slot.values.items()}
        return {
            "_id": f"{self._place}@{as_key(slot.at)}@{as_key(slot.run)}",
            "place": self._place,
            "at": slot.at,
            "run": slot.run,
            "provider": provider,
            "observed": slot.observed,
            "hours": slot.hours,
            **values,
            "fetched_at": fetched_at,
        }


Made = tuple[Any, Callable[[], Slot]]  # a slot as it was given, and the function that normalises it
Reader = Callable[[dict[str, Any], datetime, ZoneInfo], Iterable[Made]]


def _provider(tree: Any) -> tuple[str, Reader]:
    """The provider that answers in this shape. Raises Rejected."""
    if isinstance(tree, dict):
        if "request_state" in tree:
            return "infoclimat", _infoclimat
        if isinstance(tree.get("hourly"), dict):
            return "open-meteo", _open_meteo
        if isinstance(tree.get("list"), list) or "dt" in tree:
            return "openweather", _openweather
    raise Rejected("unknown_shape", "It is no answer of infoclimat, OpenWeather or Open-Meteo.")


def _infoclimat(tree: dict[str, Any], _: datetime, zone: ZoneInfo) -> Iterable[Made]:
    """Keys that are local times; kelvin, Pa, mm of three hours, km/h."""
    times = sorted(key for key in tree if SLOT_KEY.fullmatch(key))
    if tree["request_state"] != 200 or not times:  # noqa: PLR2004 - its "OK"
        raise Rejected("refused", f"infoclimat answers {tree.get('message')!s:.200}.", "/request_state")
    run = _run(tree.get("model_run"), _local(times[0], zone))
    return [(tree[key], partial(_of_infoclimat, tree[key], key, zone, run)) for key in times]


def _of_infoclimat(given: Any, time: str, zone: ZoneInfo, run: datetime) -> Slot:
    return Slot(_local(time, zone), run, EVERY_H, _values(
        temperature_c=_minus(_at(given, "temperature", "2m"), KELVIN),
        pressure_hpa=_times(_at(given, "pression", "niveau_de_la_mer"), HUNDREDTH),
        rain_mm=_at(given, "pluie"), wind_kmh=_at(given, "vent_moyen", "10m"),
        gust_kmh=_at(given, "vent_rafales", "10m"), humidity_pct=_at(given, "humidite", "2m"),
        wind_direction=_turned(_at(given, "vent_direction", "10m")),
    ))  # fmt: skip


def _run(name: Any, first: datetime) -> datetime:
    """The instant of the run with this hour in its name; a run without one is that of the first slot."""
    text = str(name).strip()
    if not text.isascii() or not text.isdecimal() or int(text) >= HOURS:
        return first
    begins = first - RUN_FROM
    at = begins.replace(hour=int(text), minute=0, second=0, microsecond=0)
    return at if at >= begins else at + timedelta(days=1)


def _openweather(tree: dict[str, Any], fetched_at: datetime, _: ZoneInfo) -> Iterable[Made]:
    """One observation, or a forecast with a `list` of them; kelvin, m/s, mm of one hour or of three."""
    if str(tree.get("cod", 200)) != "200":
        raise Rejected("refused", f"OpenWeather answers {tree.get('message')!s:.200}.", "/cod")
    if isinstance(tree.get("list"), list):
        run = fetched_at.replace(minute=0, second=0, microsecond=0)
        return [(given, partial(_of_openweather, given, EVERY_H, run)) for given in tree["list"]]
    return [(tree, partial(_of_openweather, tree, 1, None))]


def _of_openweather(given: Any, hours: int, run: datetime | None) -> Slot:
    """run: of a forecast; an observation is a run of its own."""
    at, rain = _from_epoch(_at(given, "dt")), _at(given, "rain", f"{hours}h")
    values = _values(
        temperature_c=_minus(_at(given, "main", "temp"), KELVIN), pressure_hpa=_at(given, "main", "pressure"),
        rain_mm=Decimal(0) if rain is None else rain, wind_kmh=_times(_at(given, "wind", "speed"), MPS_TO_KMH),
        gust_kmh=_times(_at(given, "wind", "gust"), MPS_TO_KMH), humidity_pct=_at(given, "main", "humidity"),
        wind_direction=_turned(_at(given, "wind", "deg")),
    )  # fmt: skip
    return Slot(at, run or at, hours, values, observed=run is None)


OPEN_METEO = {
    "temperature_c": ("temperature_2m", "°C"), "pressure_hpa": ("pressure_msl", "hPa"),
    "rain_mm": ("precipitation", "mm"), "wind_kmh": ("wind_speed_10m", "km/h"),
    "gust_kmh": ("wind_gusts_10m", "km/h"), "humidity_pct": ("relative_humidity_2m", "%"),
    "wind_direction": ("wind_direction_10m", "°"),
}  # fmt: skip


def _open_meteo(tree: dict[str, Any], fetched_at: datetime, _: ZoneInfo) -> Iterable[Made]:
    """Parallel lists by the hour; local times are those of `utc_offset_seconds`."""
    hourly, units = tree["hourly"], tree.get("hourly_units")
    for name, unit in OPEN_METEO.values():
        if isinstance(units, dict) and units.get(name, unit) != unit:
            raise Rejected("unknown_unit", f"{name} is in {units[name]!s:.20}, not in {unit}.", f"/hourly_units/{name}")
    times, run = hourly.get("time"), fetched_at.replace(minute=0, second=0, microsecond=0)
    lists = {name: hourly.get(of) for name, (of, _) in OPEN_METEO.items() if of in hourly}
    lengths = {len(values) for values in (times, *lists.values()) if isinstance(values, list)}
    if len(lengths) != 1 or not all(isinstance(values, list) for values in (times, *lists.values())):
        raise Rejected("unequal_lists", "The lists of `hourly` have not one length.", "/hourly")
    offset = _number(tree.get("utc_offset_seconds", 0)) or Decimal(0)
    rows = [{name: values[place] for name, values in lists.items()} for place in range(len(times))]
    return [
        ({"time": time, **row}, partial(_of_open_meteo, time, row, run, int(offset)))
        for time, row in zip(times, rows, strict=True)
    ]


def _of_open_meteo(time: Any, row: dict[str, Any], run: datetime, offset_s: int) -> Slot:
    if isinstance(time, str):
        at = _local(time, ZoneInfo("UTC")) - timedelta(seconds=max(-HOURS * 3600, min(offset_s, HOURS * 3600)))
    else:
        at = _from_epoch(_number(time))
    values = {name: _number(value) for name, value in row.items()}
    return Slot(at, run, 1, _values(**{**values, "wind_direction": _turned(values.get("wind_direction"))}))


def _local(text: str, zone: ZoneInfo) -> datetime:
    try:
        return instant(text, zone)
    except (ValueError, OverflowError) as error:
        raise Rejected("not_an_instant", f"{error}.") from None


def _from_epoch(seconds: Decimal | None) -> datetime:
    if seconds is None or not EARLIEST.timestamp() <= seconds <= LATEST_S:
        raise Rejected("not_an_instant", "Its time is no number of seconds since 1970.")
    return to_ms(datetime.fromtimestamp(int(seconds), UTC))


def _at(given: Any, *path: str) -> Decimal | None:
    """The number at this path; None for none."""
    for name in path:
        given = given.get(name) if isinstance(given, dict) else None
    return _number(given)


def _number(value: Any) -> Decimal | None:
    return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _minus(value: Decimal | None, less: Decimal) -> Decimal | None:
    return None if value is None else value - less


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else value * factor


def _turned(degrees: Decimal | None) -> Decimal | None:
    return degrees % 360 if degrees is not None and abs(degrees) < LATEST_S else None


def _values(**given: Decimal | None) -> Values:
    """The possible ones, half-up to 2 decimals; the others are missing."""
    return {name: _possible(name, given.get(name)) for name in POSSIBLE}


def _possible(name: str, value: Decimal | None) -> Decimal | None:
    lowest, highest = POSSIBLE[name]
    return value.quantize(HUNDREDTH, ROUND_HALF_UP) if value is not None and lowest <= value <= highest else None
