"""Spark, on a cluster of its own, recomputes the KPIs of orders from the lake; see config/spark."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.sinks.lake import opened
from multimarket_async.supervised.ports import free_port
from tests.environments import environment
from tests.sinks.conftest import measured
from tests.sinks.test_lake import application  # noqa: F401 - a fixture
from tests.tracing import missing

pytestmark = pytest.mark.slow
SPARK = Path(__file__).parents[2] / "config" / "spark"
LOOPBACK = "127.0.0.1"
DELTA = re.findall(r"--packages (\S+)", (SPARK / "orders.py").read_text("utf-8"))[0]
KPIS = 12


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
    options = "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2", "--packages", DELTA
    command = (
        python.with_name("spark-submit"),
        "--master",
        master,
        *options,
        SPARK / "orders.py",
        "--lake",
        lake,
        *words,
    )
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
