"""The polled domain end to end: an API on a socket of this machine, its answers as files, tables, KPIs, verify."""

from pathlib import Path

from multimarket_async.poller import Poller
from multimarket_async.proving.trial import Trial, on_trial
from tests.domains_tried.sensors import SENSORS, SensorSettings, answer, value
from tests.poller.source import Reply, serving

MORNING, NOON = {"run": "2026-03-01T06:00:00+00:00"}, {"run": "2026-03-01T12:00:00+00:00"}


async def poll(trial: Trial) -> dict[str, int]:
    """Poll and collect; the files in the archive."""
    for feed, landing in trial.feeds:
        await Poller(feed, landing, trial.settings, trial.clock).once()
    await trial.collect()
    return {feed.name: landing.archived_files() for feed, landing in trial.feeds}


async def test_answers_become_documents_and_unchanged_ones_nothing(mongo_uri: str, tmp_path: Path) -> None:
    """The second run of the model replaces a value of the first; a reading that is repeated is a duplicate."""
    roof = value("roof", 1, 11.5)
    answers = {
        "/readings": answer(roof),
        "/forecasts": answer(value("roof", 3, 14, **MORNING), value("roof", 4, 15, **MORNING)),
    }
    with serving() as source:
        source.answers(lambda asked: Reply(answers[asked.path.partition("?")[0]]))
        domain = SENSORS.declare(SensorSettings(url=source.url))
        async with on_trial(domain, mongo_uri, tmp_path) as trial:
            assert await poll(trial) == {"sensor_readings": 1, "sensor_forecasts": 1}
            assert await poll(trial) == {"sensor_readings": 1, "sensor_forecasts": 1}
            answers["/readings"] = answer(roof, value("roof", 2, 12))
            answers["/forecasts"] = answer(value("roof", 3, 13, **NOON))
            assert await poll(trial) == {"sensor_readings": 2, "sensor_forecasts": 2}
            outcome = await trial.outcome([])
    forecasts = outcome.documents["sensor_forecasts"]
    assert {key: forecast["tenths"] for key, forecast in forecasts.items()} == {
        "roof@1772539200": 130,
        "roof@1772625600": 150,
    }
    counts = [files.of_receipts for files in outcome.accounts if files.of_receipts]
    assert [(count.stored, count.duplicate, count.replaced) for count in counts] == [(2, 1, 0), (3, 0, 1)]
    assert outcome.report.differences == []
