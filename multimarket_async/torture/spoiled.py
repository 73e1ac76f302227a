"""Bad files: those that orders can be, and those that no collector reads."""

from collections.abc import Callable, Mapping

from multimarket_async.domains.orders import spoiled as orders
from multimarket_async.domains.orders.spoiled import Order, delivery_code, written
from multimarket_async.torture.victim import HASTE

__all__ = ["BEGIN_WELL", "SPOILED", "delivery_code", "written"]


def _too_large(order: Order) -> bytes:
    return written(order) + b" " * int(HASTE["max_file_bytes"])


SPOILED: Mapping[str, tuple[str, Callable[[Order], bytes]]] = {
    **orders.SPOILED,
    "too large": ("file_too_large", _too_large),
}
BEGIN_WELL = orders.BEGIN_WELL | {"too large"}
