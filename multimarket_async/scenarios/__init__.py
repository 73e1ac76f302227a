"""Lessons: each file <name>.toml here is one. It ends with what was seen and why it is right.

A scenario says in TOML what is received on which days, what goes wrong, and what must come of it; `Scenario` tells all
its keys, `FACTS` all that it can expect.
"""

from multimarket_async.scenarios.facts import FACTS
from multimarket_async.scenarios.play import Play
from multimarket_async.scenarios.scenario import Scenario, every, find

__all__ = ["FACTS", "Play", "Scenario", "every", "find"]
