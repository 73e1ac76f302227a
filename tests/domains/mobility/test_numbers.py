"""Each number of mobility by hand, over the two nights in which clocks change, of answers in odd shapes."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from multimarket_async.domains import IncomingFile, RejectedRecord
from multimarket_async.domains.mobility import MOBILITY
from multimarket_async.proving.trial import Arrival, Outcome, on_trial

pytestmark = pytest.mark.slow
Row = dict[str, Any]
A, B, C = "FR*V75*E9001*01*1", "FR*V75*E9001*01*2", "FR*V75*EXMPL*PDA*04*2"
D, E = "FR*V75*E9005*01*1", "FR*V75*E9005*01*2"
AUTUMN, SPRING = "2026-10-25", "2026-03-29"


def point(name: str, status: str, changed: str, **other: Any) -> Row:
    known = {"coordonneesxy": {"lon": 2.3, "lat": 48.8}, "adresse_station": "1 Rue de la Mesure",
             "code_insee_commune": "75103", "arrondissement": "3e Arrondissement"}  # fmt: skip
    return {"id_pdc": name, "statut_pdc": status, "last_updated": changed, **known, **other}


def answer(*records: Row) -> bytes:
    return json.dumps({"total_count": len(records), "results": records}).encode()


def gfs(run: str, **slots: tuple[float, float]) -> bytes:
    """An answer of infoclimat: kelvin and mm, by local time."""
    values = {
        at: {"temperature": {"2m": kelvin, "sol": -0.1}, "pluie": rain, "vent_moyen": {"10m": -1},
             "vent_direction": {"10m": 526}, "pression": {"niveau_de_la_mer": 101840}}
        for at, (kelvin, rain) in slots.items()
    }  # fmt: skip
    return json.dumps({"request_state": 200, "message": "OK", "model_run": run, **values}).encode()


def same(at: str) -> bytes:
    """An answer that repeats that of this time."""
    return json.dumps({"same_as": at, "at": "..."}, separators=(",", ":")).encode()


def in_spring(name: str, status: str, changed: str) -> Row:
    return point(name, status, changed, arrondissement="5e Arrondissement")


# Midnight of Paris is 22:00 UTC in both nights' evenings; 3:00 of the morning is 4 hours later in autumn.
FILES = [
    ("mobility_statuses", "20261024T220000.000Z_points.json", answer(
        point(A, "Disponible", "2026-10-25T00:00:00+02:00"),
        point(B, "En maintenance", "2026-10-20T08:00:00+00:00", arrondissement=None),
        point(C, "Réservé", "2026-10-24T22:00:00+00:00", coordonneesxy=[48.9, 2.4],
              arrondissement="16e Arrondissement"),
    )),
    ("mobility_statuses", "20261025T060000.000Z_points.json", answer(
        point(A, "occupe", "2026-10-25T02:30:00+02:00"),  # 0:30 UTC
        point(B, "En maintenance", "2026-10-20T08:00:00+00:00"),
        point("no*point", "Disponible", "2026-10-25T02:30:00+02:00"),
        point(A, "", "yesterday"),
    )),
    ("mobility_weather", "20261024T190000.000Z_infoclimat.json",
     gfs("19", **{f"{AUTUMN} 02:00:00": (283.15, 1.5), f"{AUTUMN} 04:00:00": (281.15, 0)})),
    ("mobility_weather", "20261025T010000.000Z_infoclimat.json",
     gfs("01", **{f"{AUTUMN} 02:00:00": (285.15, 4.25), f"{AUTUMN} 04:00:00": (-0.1, -0.5)})),
    ("mobility_statuses", "20261025T070000.000Z_same-points.json", same("2026-10-25T06:00:00.000Z")),
    ("mobility_weather", "20261025T020000.000Z_same-infoclimat.json", same("2026-10-25T01:00:00.000Z")),
    # In the night of spring 2:00 is 3:00, 1:00 UTC. One point is gone, and then there again.
    ("mobility_statuses", "20260328T230000.000Z_points.json", answer(
        in_spring(D, "Disponible", "2026-03-28T23:00:00Z"), in_spring(E, "Disponible", "2026-03-28T23:00:00Z"))),
    ("mobility_statuses", "20260329T020000.000Z_points.json", answer(
        in_spring(D, "Occupé", "2026-03-29T03:30:00+02:00"))),
    ("mobility_statuses", "20260329T030000.000Z_same-points.json", same("2026-03-29T02:00:00.000Z")),
    ("mobility_statuses", "20260329T040000.000Z_points.json", answer(
        in_spring(D, "Occupé", "2026-03-29T03:30:00+02:00"), in_spring(E, "Disponible", "2026-03-28T23:00:00Z"))),
    ("mobility_statuses", "20260329T050000.000Z_same-points.json", same("2026-03-29T04:00:00.000Z")),
    ("mobility_weather", "20260328T190000.000Z_infoclimat.json",
     gfs("19", **{f"{SPRING} 01:00:00": (280.15, 0), f"{SPRING} 03:30:00": (281.15, 0)})),
]  # fmt: skip


@pytest.fixture(scope="module")
def outcome(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Collected in reverse, and measured in three parts: what is older comes later."""
    loaded = MOBILITY.declare(MOBILITY.settings.model_validate({"timezone": "Europe/Paris"}))
    feeds = {feed.name: feed for feed in loaded.feeds}
    load = [Arrival(feeds[feed], name, content, 1_795_000_000.0 - place) for place, (feed, name, content) in
            enumerate(FILES)][::-1]  # fmt: skip

    async def run() -> Outcome:
        async with on_trial(loaded, mongo_uri, tmp_path_factory.mktemp("mobility")) as trial:
            await trial.collect_in_parts(load)
            return await trial.outcome(load)

    return asyncio.run(run())


def slot(outcome: Outcome, name: str, arrondissement: str = "Paris centre", day: str = AUTUMN) -> Row:
    """Its one row."""
    rows = outcome.rows["mobility_status_by_slot"]
    wanted = (day, name, arrondissement)
    [row] = [row for row in rows if (row["date"], row["slot"], row["arrondissement"]) == wanted]
    return row


def test_the_files_say_the_same(outcome: Outcome) -> None:
    """By SQL that shares nothing with it; bad records have their reasons, and the others are stored."""
    assert outcome.report.differences == []
    assert list(outcome.lost()) == []
    rejects = {account.feed: dict(account.rejects) for account in outcome.accounts if account.rejects}
    assert rejects == {
        "mobility_statuses": {"not_a_point": 1, "not_a_status": 1},
        "mobility_weather": {"no_measure": 1},
    }
    assert outcome.documents["mobility_statuses"].keys() == {
        f"{A}@2026-10-24T22:00:00.000Z", f"{A}@2026-10-25T00:30:00.000Z",
        f"{B}@2026-10-20T08:00:00.000Z", f"{C}@2026-10-24T22:00:00.000Z",
        f"{D}@2026-03-28T23:00:00.000Z", f"{D}@2026-03-29T01:30:00.000Z", f"{E}@2026-03-28T23:00:00.000Z",
    }  # fmt: skip


def test_durations_count_and_a_night_has_25_hours(outcome: Outcome) -> None:
    """Free until 2:30 of summer time, then occupied until the last answer, at 8:00; 3 hours later is 4 hours later.

    That answer repeats the one before.
    """
    night, morning, late = (slot(outcome, name) for name in ("00-03", "03-06", "06-09"))
    assert (night["available_s"], night["occupied_s"], night["changes"]) == (9_000, 5_400, 1)
    assert (night["availability_rate"], night["occupancy_rate"]) == (62.5, 37.5)
    assert (morning["available_s"], morning["occupied_s"], late["occupied_s"]) == (0, 10_800, 7_200)
    assert night["unknown_s"] == 14_400  # in maintenance five days ago, and not heard of since


def test_a_night_has_23_hours_and_a_point_that_was_gone_does_not_count_meanwhile(outcome: Outcome) -> None:
    """From the last answer that has it until the next one that does; weather is joined by local time."""
    night, morning, late = (slot(outcome, name, "5e", SPRING) for name in ("00-03", "03-06", "06-09"))
    assert (night["available_s"], night["temperature_c"]) == (7_200, 7.0)
    assert (morning["available_s"], morning["occupied_s"], morning["changes"]) == (1_800, 9_000, 1)
    assert (late["available_s"], late["occupied_s"], late["unknown_s"]) == (3_600, 3_600, 0)
    assert morning["temperature_c"] == 8.0


def test_a_source_that_repeats_itself_is_fresh(outcome: Outcome) -> None:
    """Its newest answer counts, not the newest that differed."""
    answered = {row["source"]: f"{row['answered_at']:%d %H:%M}" for row in outcome.rows["mobility_source_freshness"]}
    assert answered == {"points": "25 07:00", "weather": "25 02:00"}


def test_a_point_that_answers_lack_is_absent(outcome: Outcome) -> None:
    """It does not keep its last status for ever; and its station says so on the map."""
    stations = {row["station_id"]: row for row in outcome.rows["mobility_availability_by_station"]}
    absent, present = stations["FR*V75*EXMPL*PDA*04"], stations["FR*V75*E9001*01"]
    assert (absent["state"], absent["absent_now"], absent["known_s"]) == ("absent", 1, 0)
    assert (absent["longitude"], absent["latitude"], absent["arrondissement"]) == (2.4, 48.9, "16e")
    assert (present["state"], present["occupied_now"], present["unknown_now"]) == ("occupied", 1, 1)


def test_observations_are_counted_once_by_their_own_day(outcome: Outcome) -> None:
    """By the day of last_updated in Paris, however often they were polled."""
    rows = [(row["date"], row["points"], row["observations"]) for row in outcome.rows["mobility_observations_by_day"]]
    assert rows == [(SPRING, 2, 3), ("2026-10-20", 1, 1), (AUTUMN, 2, 3)]


def test_the_newest_run_counts_and_older_ones_can_be_read(outcome: Outcome) -> None:
    """A value that is missing in it is not taken as a number; units are normalised."""
    assert (slot(outcome, "00-03")["temperature_c"], slot(outcome, "00-03")["rain_mm"]) == (12.0, 4.25)
    assert (slot(outcome, "03-06")["temperature_c"], slot(outcome, "03-06")["wind_kmh"]) == (8.0, None)
    runs = sorted(document["run"] for document in outcome.documents["mobility_weather"].values())
    assert [f"{run:%d %H}" for run in runs] == ["28 19", "28 19", "24 19", "24 19", "25 01"]
    [newest] = [slot for slot in outcome.documents["mobility_weather"].values() if slot["run"] == runs[-1]]
    assert (newest["wind_direction"], newest["pressure_hpa"], newest["wind_kmh"]) == (166.0, 1018.4, None)
    [heavy] = [row for row in outcome.rows["mobility_weather_and_occupancy"] if row["rain_class"] == "4 mm and more"]
    assert (heavy["temperature_class"], heavy["slots"], heavy["occupied_s"]) == ("10 to 20 °C", 1, 5_400)


def read(name: str, content: Any) -> list[Any]:
    """The documents and the codes of rejections of a file of weather."""
    feed = MOBILITY.declare(MOBILITY.settings()).feeds[1]
    file = IncomingFile(feed.name, name, datetime(2027, 3, 28, 0, 40, tzinfo=UTC), json.dumps(content).encode())
    records = list(feed.read(file))
    return [record.reasons[0].code if isinstance(record, RejectedRecord) else record for record in records]


def test_three_providers_have_one_shape() -> None:
    """In the night of spring, at 1:00 UTC, when a local time is skipped."""
    at = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    hourly = {"time": ["2027-03-28T01:00", "2027-03-28T03:00"], "temperature_2m": [7.5, None],
              "precipitation": [0.2, None], "wind_speed_10m": [9, None]}  # fmt: skip
    [meteo, empty] = read("open-meteo.json", {"utc_offset_seconds": 3600, "hourly": hourly})
    weather = {"dt": int(at.timestamp()), "main": {"temp": 280.65}, "wind": {"speed": 2.5}, "rain": {"1h": 0.2}}
    [observed] = read("openweather.json", weather)
    [before, skipped] = read("i.json", json.loads(gfs("01", **{
        "2027-03-28 01:00:00": (280.65, 0.6), "2027-03-28 02:30:00": (281, 0)})))  # fmt: skip
    assert [document["at"] for document in (meteo, observed, before)] == [at] * 3
    assert [document["temperature_c"] for document in (meteo, observed, before)] == [7.5] * 3
    assert (meteo["wind_kmh"], observed["wind_kmh"]) == (9.0, 9.0)
    assert [(document["rain_mm"], document["hours"]) for document in (meteo, observed, before)] == [
        (0.2, 1), (0.2, 1), (0.6, 3)
    ]  # fmt: skip
    assert (empty, skipped["at"]) == ("no_measure", datetime(2027, 3, 28, 1, 30, tzinfo=UTC))
