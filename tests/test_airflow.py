"""The DAGs in config/airflow, parsed and run by a real Airflow, in an environment of its own, which is made once."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.domains.retail.settings import RetailSettings
from tests.domains.mobility.test_api import city
from tests.domains.retail.test_api import api
from tests.environments import environment

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
DAGS = ROOT / "config" / "airflow"


@pytest.fixture(scope="module")
def airflow() -> Path:
    """The Python of its environment."""
    return environment("airflow", DAGS / "constraints.txt", "--only-binary", ":all:")


async def ran(python: Path, home: Path, *words: str | Path, **environ: str) -> str:
    """The output of a program of Airflow's environment, while servers of this process answer."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MULTIMARKET_", "PYTHON"))}
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS)}
    process = await asyncio.create_subprocess_exec(
        python, *words, stdout=-1, stderr=-2, env={**outer, **own, **environ}, cwd=home
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


async def test_the_dags_fetch_collect_measure_and_publish(
    airflow: Path, mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """Of both domains, from servers of their APIs to the lake."""
    small = RetailSettings.model_validate({"simulated_stores": 2, "simulated_clients": 9, "simulated_share": 0.01})
    (tmp_path / "multimarket").write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m multimarket_async "$@"\n'
    )
    (tmp_path / "multimarket").chmod(0o755)
    await ran(airflow, tmp_path, airflow.with_name("airflow"), "db", "migrate")
    async with api(small, datetime.now(UTC)) as shop, city(20, [0]) as address:
        output = await ran(
            airflow,
            tmp_path,
            Path(__file__).with_name("airflow_dags.py"),
            DAGS,
            AIRFLOW_VAR_MULTIMARKET_COMMAND=str(tmp_path / "multimarket"),
            AIRFLOW_VAR_MULTIMARKET_FOLDER=str(tmp_path),
            MULTIMARKET_DOMAINS="retail,mobility",
            MULTIMARKET_SINKS="lake",
            MULTIMARKET_MONGO_URI=mongo_uri,
            MULTIMARKET_MONGO_DATABASE=database.name,
            MULTIMARKET_RETAIL_API_URL=shop,
            MULTIMARKET_RETAIL_LATE_DAYS="1",
            MULTIMARKET_MOBILITY_POINTS_URL=f"{address}/api/explore/v2.1/catalog/datasets/belib",
            MULTIMARKET_MOBILITY_WEATHER_URL=address,
        )
    ended = [line for line in output.splitlines() if line.startswith(("errors", "multimarket_"))]
    assert ended == ["errors {}", "multimarket_mobility success", "multimarket_retail success"]
    held = {path.parent.name for path in (tmp_path / "data" / "lake").rglob("_delta_log")}
    assert {"store_days", "kpi_mobility_status_by_slot"} <= held
    assert database["kpi_snapshots"].count_documents({}) >= 2
