"""Spark, on a cluster of its own, recomputes the KPIs of orders from the lake; see config/spark."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from multimarket_async import app
from multimarket_async.sinks.lake import opened
from multimarket_async.supervised.ports import free_port
from tests.domains.orders.test_exported_kpis import CHANNELS, FILES, encoded
from tests.environments import environment
from tests.sinks.conftest import loaded, measured, refreshed
from tests.sinks.test_lake import application  # noqa: F401 - a fixture
from tests.tracing import missing

pytestmark = pytest.mark.slow
SPARK = Path(__file__).parents[2] / "config" / "spark"
LOOPBACK = "127.0.0.1"
DELTA = re.findall(r"--packages (\S+)", (SPARK / "orders.py").read_text("utf-8"))[0]
KPIS = 18
# A fast start is worth more than fast loops, for programs that run for seconds.
HASTE = "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1", "spark.sql.codegen.wholeStage=false"
EXPORTED = {**CHANNELS, "site_web": {"enabled": True}, "borne": {"format": "square", "shop": "b1"}}


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of its environment."""
    if not shutil.which("java"):
        missing("needs Java 17 or later (Debian package openjdk-17-jre-headless)")
    return environment("spark", SPARK / "requirements.txt")


def environ(python: Path) -> dict[str, str]:
    """Its variables: everything on the loopback interface."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    own = {"SPARK_LOCAL_IP": LOOPBACK, "SPARK_LOCAL_HOSTNAME": "localhost", "PYSPARK_PYTHON": str(python)}
    return {**outer, **own, "PATH": f"{python.parent}{os.pathsep}{outer['PATH']}"}


@asynccontextmanager
async def cluster(python: Path, folder: Path) -> AsyncIterator[str]:
    """The address of a standalone cluster: a master and two workers, of one core each."""
    port, pages = free_port(None), [str(free_port(None)) for _ in range(3)]
    address = f"spark://{LOOPBACK}:{port}"
    master = "org.apache.spark.deploy.master.Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", pages[0]
    workers = (
        ("org.apache.spark.deploy.worker.Worker", "--host", LOOPBACK, "--cores", "1", "--memory", "1g",
         "--work-dir", str(folder / page), "--webui-port", page, address) for page in pages[1:]
    )  # fmt: skip
    async with AsyncExitStack() as started:
        for words in (master, *workers):
            process = await asyncio.create_subprocess_exec(
                python.with_name("spark-class"), *words, env=environ(python), stdout=-3, stderr=-3
            )
            started.push_async_callback(process.wait)
            started.callback(process.kill)
        yield address


async def submitted(python: Path, master: str, lake: Path, *words: str) -> tuple[int | None, str]:
    """The exit code of the job, and its lines."""
    options = [f"--conf={each}" for each in ("spark.ui.enabled=false", "spark.sql.shuffle.partitions=2", *HASTE)]
    job = "--packages", DELTA, SPARK / "orders.py", "--lake", lake
    command = python.with_name("spark-submit"), "--master", master, *options, *job, *words
    process = await asyncio.create_subprocess_exec(*command, env=environ(python), stdout=-1, stderr=-1)
    out, err = await process.communicate()
    return process.returncode, out.decode() or err.decode()


async def test_spark_recomputes_the_kpis_from_the_lake(
    python: Path,
    application: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """To the cent, on a cluster; in one process with other cancelled statuses, which is seen."""
    await measured(application, *range(20))
    generation = await application.source.generation()
    await (await opened(application.source)).write(generation)
    lake, parquet = application.settings.data_dir / "lake", tmp_path / "parquet"
    async with cluster(python, tmp_path) as master:
        code, out = await submitted(python, master, lake, "--output", str(parquet))
    assert (code, out.count(" equal\n")) == (0, KPIS), out
    assert {folder.name for folder in parquet.iterdir()} == {kpi.name for kpi in generation.kpis}

    code, out = await submitted(python, "local[2]", lake, "--cancelled")
    assert code == 4, out
    assert "cancellation_rate_by_channel: 3 rows, 6 differ\n" in out


def square(number: str, at: str, cents: int, **fields: Any) -> tuple[str, str, bytes]:
    """The file of an order of Square in dollars, or of a return of one."""
    line = {"uid": "l1", "name": "Café", "quantity": "1", "total_money": {"amount": cents, "currency": "USD"}}
    parts = {"line_items": [line]}
    if of := fields.pop("of", None):
        parts = {"returns": [{"uid": "r", "source_order_id": of, "return_line_items": [line]}]}  # type: ignore[list-item]
    money = {"total_money": line["total_money"], "return_amounts": {"total_money": line["total_money"]}}
    order = {"id": number, "created_at": at, "state": "COMPLETED", **money, **parts, **fields}
    return "borne", f"{number}.json", encoded(order)


# The dollar has two rates; a return of a cancelled order gives nothing back, that of another one does, at a later rate.
SOLD = [
    square("o1", "2026-05-02T10:00:00Z", 999),
    square("o2", "2026-05-03T10:00:00Z", 5_000, state="CANCELED"),
    square("o3", "2026-05-31T23:30:00Z", 333, of="o1"),
    square("o4", "2026-06-05T10:00:00Z", 5_000, of="o2"),
    ("exchange_rates", "usd.csv", b"date,currency,rate\n2026-05-01,USD,0.8571428571\n2026-06-01,USD,0.9\n"),
]


async def test_spark_converts_currencies_and_takes_off_refunds(
    python: Path, given: dict[str, Any], tmp_path: Path
) -> None:
    """Beside orders of the contract. The business time zone puts a return of May, in UTC, into June."""
    given |= {"sinks": ("lake",), "timezone": "Europe/Paris"}
    settings = loaded(given, MULTIMARKET_ORDERS_CHANNELS=json.dumps(EXPORTED))
    async with app.opened(app.workspace(settings)) as made:
        landings = {feed.name: (feed, landing) for feed, landing in made.feeds}
        simulate = landings["site_web"][0].simulate
        assert simulate
        orders = [simulate(1, number, made.clock.now(), made.clock.now()) for number in range(20)]
        for name, file, content in [*FILES, *SOLD, *(("site_web", order.name, order.content) for order in orders)]:
            await landings[name][1].deliver(file, content)
        await refreshed(made)
        generation = await made.source.generation()
        await (await opened(made.source)).write(generation)
        lake = made.settings.data_dir / "lake"
    code, out = await submitted(python, "local[2]", lake, "--timezone", "Europe/Paris")
    assert (code, out.count(" equal\n")) == (0, KPIS + 2), out
