"""The files for BI tools and the documented ways to connect, tried against a real `run` where the tool is available."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pymongo
import pytest
from bson import json_util

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.bi import kit
from multimarket_async.settings import Settings
from tests.npm import installed

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "multimarket_async" / "docs" / "bi.md").read_text("utf-8")
DOMAIN = ORDERS.declare(OrderSettings())
KPIS = DOMAIN.kpis
DEFAULTS = Settings()
FILES = kit([DOMAIN], f"http://{DEFAULTS.http_host}:{DEFAULTS.http_port}")
SNIPPETS = sorted((ROOT / "config/bi/mongodb").glob("*.json"))
PARSE_M = """
const { DefaultSettings, TaskUtils } = require("@microsoft/powerquery-parser");
const text = require("fs").readFileSync(0, "utf-8");
TaskUtils.tryLexParse(DefaultSettings, text).then((task) => {
    console.log(TaskUtils.isParseStageOk(task) ? "ok" : String(task.error && task.error.message));
});
"""


@dataclass
class Running:
    """The output of `bi`."""

    uri: str
    kpis: str

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.kpis.removesuffix("/api/kpis") + path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A `run` with its own MongoDB, thirty orders stored and measured, on ports of its own."""
    folder = tmp_path_factory.mktemp("bi")
    environment = {**os.environ, "MULTIMARKET_HTTP_PORT": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "multimarket_async"]

    def out(*arguments: str) -> str:
        return subprocess.check_output([*command, *arguments], cwd=folder, env=environment, text=True)

    out("produce", "--orders-per-channel", "10")
    run = subprocess.Popen(
        [*command, "run", "--no-produce"], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE
    )
    try:
        assert run.stdout
        _until_measured(run.stdout)
        yield Running(*out("bi").split())
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate()


def _until_measured(log: Any) -> None:
    """It listens, and has a generation with every order."""
    expected = {"http.listening", "generation.published"}
    for line in log:
        entry = json.loads(line)
        if entry["event"] == "http.listening" or entry.get("orders") == 30:
            expected.discard(entry["event"])
        if not expected:
            return


# --- the files ------------------------------------------------------------------------------


@pytest.mark.slow
def test_power_query_is_good_m() -> None:
    """As Microsoft's own parser sees it; and text of any kind stays text."""
    columns = (Column('say "a"', "string", "A"), Column("#(cr)", "double", "B"))
    hostile = Kpi("n", 'He said "}', "#(lf)", "A \\ backslash", (), columns, "")
    for text in (FILES["MultiMarket.pq"], kit([replace(DOMAIN, kpis=(hostile,))], 'http://"')["MultiMarket.pq"]):
        assert parsed_m(text) == "ok"
    assert parsed_m(FILES["MultiMarket.pq"].replace("in\n", "", 1)) != "ok"


def parsed_m(text: str) -> str:
    modules = installed("@microsoft/powerquery-parser", "2.0.0")
    node = shutil.which("node") or pytest.skip("node is not here")
    environment = {**os.environ, "NODE_PATH": str(modules)}
    done = subprocess.run(
        [node, "-e", PARSE_M], input=text, env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()


# --- against a real run ---------------------------------------------------------------------


def test_bi_prints_both_addresses(running: Running) -> None:
    """With the port of the running server."""
    assert running.uri.startswith("mongodb://bi:")
    assert {kpi["name"] for kpi in running.get("/api/kpis").json()["kpis"]} == {kpi.name for kpi in KPIS}


def test_grafana_asks_for_columns_there_are(running: Running) -> None:
    """Each panel of kpis.json: its address answers, and its rows have what it selects."""
    panels = json.loads(FILES["grafana/kpis.json"])["panels"]
    assert [panel["title"] for panel in panels] == [kpi.title for kpi in KPIS]
    for target in (target for panel in panels for target in panel["targets"]):
        rows = running.get(target["url"].removeprefix("${address}")).json()[target["root_selector"]]
        assert {column["selector"] for column in target["columns"]} <= set(rows[0])


def test_grafana_asks_for_metrics_there_are(running: Running) -> None:
    """Each name in flow.json is in /metrics, and each family of ours is drawn."""
    exported = {
        line.split(" ")[2] for line in running.get("/metrics").text.splitlines() if line.startswith("# TYPE multi")
    }
    asked = set(re.findall(r"multimarket_\w+", FILES["grafana/flow.json"]))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    may_be_absent = {"multimarket_backlog_bytes", "multimarket_kpi_generation"}
    assert families <= exported
    assert {name for name in exported if not name.endswith("_created")} - families <= may_be_absent


@pytest.mark.parametrize("file", SNIPPETS, ids=lambda file: file.stem)
def test_aggregations_give_rows(running: Running, file: Path) -> None:
    """For the user who can only read."""
    view, pipeline = file.name.partition(".")[0], json_util.loads(file.read_text("utf-8"))
    with pymongo.MongoClient(running.uri) as client:
        assert list(client["multi_market"][view].aggregate(pipeline))


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", WRITTEN, re.DOTALL), ids=lambda code: code.split()[1]
)
def test_python_in_the_documents_runs(running: Running, code: str) -> None:
    """Each line, on the numbers of now; the last one has rows."""
    *lines, last = code.strip().splitlines()
    names: dict[str, Any] = {"kpis": running.kpis, "uri": running.uri}
    exec("\n".join(lines), names)  # a block of docs/bi.md
    found = eval(last.removeprefix("frame = "), names)
    assert len(found) > 0
    if "views" in names:
        names["views"].client.close()


@pytest.mark.slow
def test_mongosh_reads_and_cannot_write(running: Running) -> None:
    """As docs/bi.md says it, with the first line that `bi` prints."""
    shell = installed("mongosh", "2.12.0") / ".bin" / "mongosh"
    find = re.search(r"\*\*mongosh\.\*\*.*--eval '(.*)'`", WRITTEN)
    assert find
    program = f"""
        print({find[1]}.toArray().length);
        try {{ db.kpi_snapshots.deleteMany({{}}) }} catch (error) {{ print(error.codeName) }}
    """
    done = subprocess.run(
        [shell, running.uri, "--quiet", "--norc", "--eval", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.split() == ["10", "Unauthorized"]
