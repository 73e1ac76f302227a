"""Made-up files of mobility, and bad ones."""

from multimarket_async.domains.mobility.simulator.files import corruptions, simulated
