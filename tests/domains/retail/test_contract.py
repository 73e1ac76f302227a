"""The tests that every domain inherits, with a small chain."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.retail import RETAIL

pytestmark = pytest.mark.slow


class TestRetail(DomainContract):
    domain = RETAIL
    settings: ClassVar[dict[str, Any]] = {
        "simulated_stores": 3,
        "simulated_clients": 40,
        "simulated_share": 0.01,
        "simulated_faults": 0.2,
        "timezone": "Europe/Paris",
    }
