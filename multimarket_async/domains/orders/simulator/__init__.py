"""A shop that is simulated: a profile says what it is like, a seed which one of all such shops it is."""

from multimarket_async.domains.orders.simulator.simulator import Simulator

__all__ = ["Simulator"]
