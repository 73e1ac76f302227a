"""Bad files: those that orders can be, and those that no collector reads."""

from collections.abc import Callable, Mapping

from multimarket_async.domains.orders.simulator import invalid as orders
from multimarket_async.domains.orders.simulator.invalid import Order, delivery_code, written
from multimarket_async.torture.victim import HASTE

__all__ = ["BEGIN_WELL", "INVALID", "delivery_code", "written"]


def _too_large(order: Order) -> bytes:
    return written(order) + b" " * int(HASTE["max_file_bytes"])


INVALID: Mapping[str, tuple[str, Callable[[Order], bytes]]] = {
    **orders.INVALID,
    "too large": ("file_too_large", _too_large),
}
BEGIN_WELL = orders.BEGIN_WELL | {"too large"}
