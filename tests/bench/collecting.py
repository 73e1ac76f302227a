"""The real collector in a process of its own. Arguments: data folder, URI, database, files.

Connects, says ready, waits for a line, collects so many files, says when it was done, waits to be looked at.
"""

import asyncio
import sys
import time

from multimarket_async import logs
from multimarket_async.app import opened, workspace
from multimarket_async.cli.options import finish, load_settings
from multimarket_async.memory import collect_cycles_less_often, keep_one_small_heap, switch_threads_sooner


async def main(data_dir: str, uri: str, database: str, files: int) -> None:
    loaded = load_settings({"data_dir": data_dir, "mongo_uri": uri, "mongo_database": database})
    async with opened(workspace(loaded)) as application:
        logs.configure("json", sys.stderr, application.settings.data_dir / "logs")  # as `collect` does
        await application.store.ping()
        collector = application.collector()
        print("ready", flush=True)  # noqa: T201 - to who measures
        await asyncio.to_thread(sys.stdin.readline)
        while collector.tally.total("stored") < files:
            await collector.sweep()
        print(time.monotonic(), flush=True)  # noqa: T201 - to who measures
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    keep_one_small_heap()  # as every command does
    collect_cycles_less_often()
    switch_threads_sooner()
    finish(main(*sys.argv[1:4], int(sys.argv[4])))
