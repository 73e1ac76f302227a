"""Made-up files of a chain of stores: keyed, the same bytes on every machine, in any order."""

from multimarket_async.domains.retail.simulator.files import corruptions, simulated
