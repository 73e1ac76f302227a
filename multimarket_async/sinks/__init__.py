"""KPI generations -> other systems. The setting `sinks` names those that are on; none is by default.

A sink is a module or folder here, named in `kinds`, with three functions:

    async def opened(source: Source) -> Sink          which writes generations, see `sink`
    async def check(settings: Settings) -> str        for `doctor`: the place it writes to; raises what is wrong with it
    async def access(settings: Settings) -> Access    for `bi`: how others read it

Its packages are those of the extra of the same name; they are imported when it is on, and in its folder only.
"""

from multimarket_async.sinks.keeper import Keeper
from multimarket_async.sinks.kinds import Kind, chosen
from multimarket_async.sinks.sink import Access, Generation, Held, Sink, Source
