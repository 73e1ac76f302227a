"""The promises under attack: seeded rounds of load and faults, each followed by a look at everything.

rounds: one round after the other    load -> writers: what is received, and how it is written
faults -> strikes: what goes wrong   victim: the real application in a process that may be killed at any instant
history -> check: what must be true  bugs: planted ones, which the check has to find
failover: the same with three MongoDB servers, the first of which dies

It stands where a retailer's systems and a careless operator would stand: outside. Nothing in the
other packages knows of it.
"""

from multimarket_async.torture.bugs import BUGS
from multimarket_async.torture.failover import FailOver, fail_over
from multimarket_async.torture.rounds import Round, torture

__all__ = ["BUGS", "FailOver", "Round", "fail_over", "torture"]
