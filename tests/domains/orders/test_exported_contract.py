"""The tests that every domain inherits, for orders of other systems beside those of the contract."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.orders import ORDERS
from multimarket_async.proving.trial import Samples
from tests.domains.orders.test_exported_kpis import CHANNELS, FILES, encoded, shopify

NICE = {"address1": "2 rue", "city": "Nice"}
EARLIER = encoded(shopify(9, ("Lampe", 1, "8.00"), created_at="2026-04-01T10:00:00Z", shipping_address=NICE))
SAMPLES: dict[str, dict[str, bytes]] = {"boutique_shopify": {"9.json": EARLIER}}
for feed, name, content in FILES:
    SAMPLES.setdefault(feed, {})[name] = content


@pytest.mark.slow
class TestExportedOrders(DomainContract):
    domain = ORDERS
    settings: ClassVar[dict[str, Any]] = {"channels": CHANNELS}
    samples: ClassVar[Samples] = SAMPLES
