"""The tests that every domain inherits, for orders of other systems beside those of the contract."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.orders import ORDERS
from multimarket_async.proving.trial import Samples
from tests.domains.orders.test_exported_kpis import CHANNELS, FILES


@pytest.mark.slow
class TestExportedOrders(DomainContract):
    domain = ORDERS
    settings: ClassVar[dict[str, Any]] = {"channels": CHANNELS}
    samples: ClassVar[Samples] = {
        feed: {name: content for of, name, content in FILES if of == feed}
        for feed in dict.fromkeys(of for of, *_ in FILES)
    }
