"""The README, the Makefile and config/multimarket.toml agree with the code."""

import json
import re
import subprocess
from pathlib import Path

import click
import typer.main
from pydantic_core import to_json

from multimarket_async.cli import app
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.settings import fields, load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MODELS = {"orders": OrderSettings}  # other domains are described by themselves: `config show`, `kpi list`


def settings_table() -> str:
    """The table between the two marks, as the declarations have it."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in fields(MODELS).items():
        default = "" if field.default is None else to_json(field.default).decode().strip('"')
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(rows)


def kpi_table() -> str:
    """The table of the KPIs of orders, from their declarations."""
    kpis = ORDERS.under(load(MODELS, {}, {}, Path("none.toml"))).kpis
    return "\n".join(["| name | rows |", "|---|---|", *(f"| `{kpi.name}` | {kpi.definition} |" for kpi in kpis)])


def test_the_settings_table_is_that_of_the_code() -> None:
    """Name, default and meaning of every setting."""
    between = re.search(r"<!-- settings: begin -->\n(.*)\n<!-- settings: end -->", README, re.DOTALL)
    assert between is not None
    assert between[1] == settings_table()


def test_every_line_of_the_settings_file_is_a_default(tmp_path: Path) -> None:
    """Without its #, each line sets what is in force anyway; and none is missing."""
    text = (ROOT / "config" / "multimarket.toml").read_text("utf-8")
    uncommented = tmp_path / "multimarket.toml"
    uncommented.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE), "utf-8")
    loaded = load(MODELS, {}, {}, uncommented)
    assert [name for name, source in loaded.sources.items() if source != str(uncommented)] == []
    assert loaded.models == load(MODELS, {}, {}, Path("none.toml")).models
    written = re.findall(r"^# (\w+) = ", text, re.MULTILINE)
    assert written == [name.rpartition(".")[2] for name in fields(MODELS)]


def test_every_command_the_readme_names_exists() -> None:
    """Its table of commands is the command line's, word by word and option by option."""
    table = README[README.index("| command | does |") : README.index("Exit codes")]
    for line in table.strip().splitlines()[2:]:
        for words in re.findall(r"`([^`]*)`", line.split("|")[1]):
            known = {option for parameter in command_of(words).params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", words)) <= known, words


def command_of(words: str) -> click.Command:
    """The command that these words call."""
    command = typer.main.get_command(app)
    for word in re.match(r"[a-z ]+", words)[0].split():  # type: ignore[index]
        command = command.commands[word]  # type: ignore[attr-defined]
    return command


def test_the_readme_names_every_command() -> None:
    """None is hidden from the reader."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for sub in getattr(command, "commands", {"": None}):
            assert f"`{name} {sub}".rstrip() in README


def test_the_order_of_the_readme_is_accepted() -> None:
    """And comes to two laptops at 8,500.00."""
    text = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert text is not None
    [document] = parser("web", OrderSettings())(text[1].encode())
    assert json.loads(text[1])["order_id"] == "234"
    assert (document["_id"], document["montant_centimes"]) == ("web:234", 1_700_000)


def test_make_lists_the_targets_the_readme_names() -> None:
    """With a sentence each."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    targets = dict(re.findall(r"^  make ([\w-]+) +(\S.*)$", listed, re.MULTILINE))
    assert {"demo", "run", "test", "test-slow", "check", "bench", "clean"} <= set(targets)
    assert set(re.findall(r"make ([\w-]+)[`\n]", README)) <= set(targets)


def test_the_table_of_kpis_is_that_of_the_declarations() -> None:
    """Name and definition of every KPI, under default settings."""
    between = re.search(r"<!-- kpis: begin -->\n(.*)\n<!-- kpis: end -->", README, re.DOTALL)
    assert between is not None
    assert between[1] == kpi_table()
