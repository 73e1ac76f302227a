"""The tests that every domain inherits, with a small city."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.mobility import MOBILITY

pytestmark = pytest.mark.slow


class TestMobility(DomainContract):
    domain = MOBILITY
    settings: ClassVar[dict[str, Any]] = {"simulated_points": 12, "timezone": "Europe/Paris"}
