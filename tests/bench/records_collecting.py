"""The real collector on one file of many records, in a process of its own. Arguments: data folder, URI, database.

Connects, says ready, waits for a line, collects the file, says when it was done, waits to be looked at.
"""

import asyncio
import sys
import time
from contextlib import aclosing
from pathlib import Path

from sales import feed

from multimarket_async import logs
from multimarket_async.cli.options import finish, load_settings
from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.landing import Landing
from multimarket_async.memory import collect_cycles_less_often, keep_one_small_heap, switch_threads_sooner
from multimarket_async.settings import Settings
from multimarket_async.store import Store


async def main(data_dir: str, uri: str, database: str) -> None:
    settings = load_settings({"data_dir": data_dir}).of(Settings)
    sales = feed()
    landing = Landing(Path(data_dir), sales.name, sales.suffixes)
    landing.prepare()
    async with aclosing(Store(uri, database)) as store:
        logs.configure("json", sys.stderr, settings.data_dir / "logs")  # as `collect` does
        await store.ping()
        collector = Collector([(sales, landing)], store, settings, Clock())
        print("ready", flush=True)  # noqa: T201 - to who measures
        await asyncio.to_thread(sys.stdin.readline)
        while landing.waiting():
            await collector.sweep()
        print(time.monotonic(), flush=True)  # noqa: T201 - to who measures
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    keep_one_small_heap()  # as every command does
    collect_cycles_less_often()
    switch_threads_sooner()
    finish(main(*sys.argv[1:4]))
