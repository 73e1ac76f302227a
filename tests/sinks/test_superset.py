"""A real Superset, in an environment of its own: connected as `bi` says, a chart has the rows of `kpi show`."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from multimarket_async.supervised.ports import free_port
from tests.environments import environment
from tests.sinks.test_deaths import command, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # it is installed, and makes its own database
PINS = Path(__file__).parents[2] / "config" / "bi" / "superset" / "requirements.txt"
WITHIN_S = 120
SETTINGS = """
SECRET_KEY = "a key of a test, of more than 32 characters"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
WTF_CSRF_ENABLED = TALISMAN_ENABLED = False
"""
ADMIN = {"username": "admin", "password": "a password of a test"}
COLUMNS = ("rank", "product", "revenue_minor")


@contextmanager
def superset(python: Path, folder: Path) -> Iterator[httpx.Client]:
    """A client of Superset's API, signed in."""
    (folder / "superset_config.py").write_text(SETTINGS.format(folder=folder))
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ = {**outer, "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"), "FLASK_APP": "superset"}
    program, port = python.with_name("superset"), str(free_port(None))
    names = ("--firstname", "A", "--lastname", "B", "--email", "a@example.org")
    admin = ("fab", "create-admin", *names, *(word for name, at in ADMIN.items() for word in (f"--{name}", at)))
    for words in (("db", "upgrade"), admin, ("init",)):
        done = subprocess.run([program, *words], env=environ, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    with (
        subprocess.Popen([program, "run", "--port", port], env=environ, cwd=folder, stdout=-3, stderr=-3) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=WITHIN_S) as client,
    ):
        try:
            answering(client)
            signed_in = asked(client, "/security/login", **ADMIN, provider="db", refresh=False)
            client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
            yield client
        finally:
            server.kill()


def answering(client: httpx.Client) -> None:
    """Wait until it listens."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            client.get("/")
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def asked(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """The answer to a request."""
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_chart_has_the_rows_of_kpi_show(tmp_path: Path) -> None:
    """Its database is added by the address that `bi` prints for it."""
    python = environment("superset", PINS)
    assert command(tmp_path, "demo", "--orders-per-channel", "60").returncode == 0
    address = re.findall(r"postgresql\+psycopg2://\S+", command(tmp_path, "bi").stderr)[0]
    shown = json.loads(command(tmp_path, "kpi", "show", "top_products", "--format", "json").stdout)["rows"]
    with started(tmp_path) as run, superset(python, tmp_path) as client:
        database = asked(client, "/database/", database_name="MultiMarket", sqlalchemy_uri=address)["id"]
        table = asked(client, "/dataset/", database=database, schema="multimarket", table_name="kpi_top_products")["id"]
        query = {"columns": COLUMNS, "orderby": [["rank", True]], "row_limit": 1000}
        source = {"id": table, "type": "table"}
        chart = asked(client, "/chart/data", datasource=source, queries=[query], result_format="json")
        run.send_signal(signal.SIGINT)
        assert run.wait() == 0
    assert chart["result"][0]["data"] == [{name: row[name] for name in COLUMNS} for row in shown]
