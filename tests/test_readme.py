"""The README, the documents, the Makefile and config/multimarket.toml agree with the code."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
import typer.main

from multimarket_async.cli import app
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.doctor.database import LOWEST
from multimarket_async.settings import EnvironmentKey, Settings, fields, load
from multimarket_async.store import role
from tests.written import DOCUMENTS, MODELS, ROOT, TABLES, architecture, between

README = (ROOT / "README.md").read_text("utf-8")
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(DOCUMENTS.glob("*.md"))}
WRITTEN = "\n".join([README, *PAGES.values()])


@pytest.mark.parametrize("name", TABLES)
def test_what_is_written_is_what_the_code_declares(name: str) -> None:
    """`python -m tests.written` writes it anew."""
    page, table = TABLES[name]
    assert between(name, PAGES[page]) == table()


def test_the_picture_of_the_layers_is_that_of_the_contract() -> None:
    """`python -m tests.written` draws it anew."""
    assert (DOCUMENTS / "architecture.svg").read_text("utf-8") == architecture()


def test_version_and_rights_are_those_that_doctor_checks() -> None:
    """The lowest MongoDB, and the role, of the database that is the default."""
    assert f"MongoDB {LOWEST[0]}.{LOWEST[1]} or later" in PAGES["operation"]
    assert f"db.runCommand({json.dumps(role(Settings().mongo_database))})" in PAGES["operation"]


def test_every_line_of_the_settings_file_is_a_default(tmp_path: Path) -> None:
    """Without its #, each line sets what is in force anyway; none is missing but secrets of the environment."""
    text = (ROOT / "config" / "multimarket.toml").read_text("utf-8")
    uncommented = tmp_path / "multimarket.toml"
    uncommented.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE), "utf-8")
    loaded = load(MODELS, {}, {}, uncommented)
    in_environment = {name for name, field in fields(MODELS).items() if EnvironmentKey in get_args(field.annotation)}
    assert {name for name, source in loaded.sources.items() if source != str(uncommented)} == in_environment
    assert loaded.models == load(MODELS, {}, {}, Path("none.toml")).models
    written = re.findall(r"^# (\w+) = ", text, re.MULTILINE)
    assert written == [name.rpartition(".")[2] for name in fields(MODELS) if name not in in_environment]


def test_every_command_of_the_reference_exists() -> None:
    """Its table of commands is the command line's, word by word and option by option."""
    page = PAGES["reference"]
    table = page[page.index("| command | does |") : page.index("Exit codes")]
    for line in table.strip().splitlines()[2:]:
        for words in re.findall(r"`([^`]*)`", line.split("|")[1]):
            known = {option for parameter in command_of(words).params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", words)) <= known, words


def test_the_commands_of_the_documents_run_as_written() -> None:
    """From the folder of the repository, by the name under which they are installed, with options that exist."""
    assert "multimarket-async" in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    written = re.findall(r"(\S*)multimarket[-_]async(?= [a-z-])([^`\n|]*)", WRITTEN)
    assert len(written) >= 5
    for before, words in written:
        assert before.rpartition("(")[2].strip('`"$') == ".venv/bin/"
        known = {option for parameter in command_of(words.strip()).params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", words)) <= known | {"--help"}


def command_of(words: str) -> click.Command:
    """The command that these words call."""
    command = typer.main.get_command(app)
    for word in re.match(r"[a-z ]*", words)[0].split():  # type: ignore[index]
        if not hasattr(command, "commands"):
            break  # the rest are its arguments
        command = command.commands[word]
    return command


def test_the_reference_names_every_command() -> None:
    """None is hidden from the reader."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for sub in getattr(command, "commands", {"": None}):
            assert f"`{name} {sub}".rstrip() in PAGES["reference"]


def test_the_order_of_the_documents_is_accepted() -> None:
    """And comes to two laptops at 8,500.00."""
    text = re.search(r"```json\n(.*?)```", PAGES["orders"], re.DOTALL)
    assert text is not None
    [document] = parser("web", OrderSettings())(text[1].encode())
    assert json.loads(text[1])["order_id"] == "234"
    assert (document["_id"], document["montant_centimes"]) == ("web:234", 1_700_000)


@pytest.mark.parametrize("extra", ["", "cassandra", "lake", "models", "spark", "warehouse"])
def test_what_is_installed_is_pinned_by_digest(extra: str) -> None:
    """`make lock` writes it. Every requirement has the version of config/constraints.txt, and digests."""
    pins = pinned(read("constraints"))
    lock = read(f"requirements-{extra}" if extra else "requirements")
    locked = re.findall(r"^(\S+?)==(\S+)[^\n]*\\\n((?: +--hash=sha256:[0-9a-f]{64}.*\n)+)", lock, re.MULTILINE)
    assert len(locked) == lock.count("==") - lock.count(" == ")
    assert {name: version for name, version, _ in locked if pins.get(name, version) != version} == {}
    with Path(ROOT, "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"].get(extra, ())]
    required = {canonical(re.split(r"[><=; ]", line)[0]) for line in listed}
    assert required <= {name for name, _, _ in locked} & pins.keys()


def test_the_job_for_a_cluster_has_the_spark_of_the_models() -> None:
    """Its requirements are a file of their own: a cluster has nothing else of ours."""
    assert pinned(read("spark/requirements")).items() <= pinned(read("constraints")).items()


def pinned(text: str) -> dict[str, str]:
    """The versions of a file of requirements by package."""
    return {canonical(name): version for name, version in re.findall(r"^(.+?)==(\S+)$", text, re.MULTILINE)}


def read(name: str) -> str:
    return Path(ROOT, "config", f"{name}.txt").read_text("utf-8")


def canonical(name: str) -> str:
    """The name as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_make_lists_the_targets_the_documents_name() -> None:
    """With a sentence each."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    targets = dict(re.findall(r"^  make ([\w-]+) +(\S.*)$", listed, re.MULTILINE))
    assert {"demo", "run", "test", "test-slow", "check", "bench", "clean"} <= set(targets)
    assert set(re.findall(r"make ([\w-]+)[`\n]", WRITTEN)) <= set(targets)


def test_make_finds_all_that_a_measure_imports() -> None:
    """From the folder of the Makefile, with nothing in the environment that helps."""
    bins = f"BIN={Path(sys.executable).parent}"
    told = subprocess.run(
        ["make", "--old-file=.venv/.developed", bins, "bench", "ONLY=nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=False,
    )
    assert "There is no measure nothing" in told.stderr


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    """At most 10 KB."""
    assert len(README.encode()) <= 10_000
    assert set(re.findall(r"\(multimarket_async/docs/(\w+)\.md\)", README)) == PAGES.keys() - {"index"}


def test_links_lead_somewhere() -> None:
    """From the README and from each page, to a file there is."""
    for folder, text in [(ROOT, README), *((DOCUMENTS, page) for page in PAGES.values())]:
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", text):
            assert (folder / link).exists(), link
