"""Two domains as other packages would have them, each with the tests that every domain inherits."""

from typing import ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract, Samples
from tests.domains_tried.kiosks import KIOSKS
from tests.domains_tried.sensors import SENSORS, answer, value

RUNS = {"run": "2026-03-01T06:00:00+00:00"}, {"run": "2026-03-01T12:00:00+00:00"}


@pytest.mark.slow
class TestKiosks(DomainContract):
    domain = KIOSKS


class TestSensors(DomainContract):
    """It has no simulator: nobody answers."""

    domain = SENSORS
    samples: ClassVar[Samples] = {
        "sensor_readings": {
            "1-readings.json": answer(value("roof", 1, 11.5), value("door", 1, 9)),
            "2-readings.json": answer(value("roof", 1, 11.5), value("roof", 2, 12.4), value("door", 2, "cold")),
        },
        "sensor_forecasts": {
            "1-forecasts.json": answer(value("roof", 2, 14, **RUNS[1]), value("roof", 3, 15, **RUNS[1])),
            "2-forecasts.json": answer(value("roof", 2, 13, **RUNS[0]), value("roof", 1, 12, **RUNS[0])),
        },
    }
