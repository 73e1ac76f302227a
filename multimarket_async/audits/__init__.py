"""Files on their way to a domain's audit: put by until all follow-ups are there, here or in a process of its own."""

from multimarket_async.audits.apart import Apart
from multimarket_async.audits.lives import Lives

__all__ = ["Apart", "Lives"]
