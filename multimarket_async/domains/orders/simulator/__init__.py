"""Simulated orders: a profile describes the shop, and a seed chooses one of all shops like that."""

from multimarket_async.domains.orders.simulator.profile import simulated
from multimarket_async.domains.orders.simulator.simulator import Simulator
