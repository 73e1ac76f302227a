"""The tests that every domain inherits, for orders."""

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.orders import ORDERS


class TestOrders(DomainContract):
    domain = ORDERS
