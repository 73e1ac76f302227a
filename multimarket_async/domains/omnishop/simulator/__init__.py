"""Made-up files of one shop: the same clients, products, stores and orders in each of its sources."""

from multimarket_async.domains.omnishop.simulator.files import corruptions, simulated
