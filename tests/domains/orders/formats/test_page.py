"""The page about formats: its examples are files, and its outputs are those of its commands."""

import re
from pathlib import Path

import pytest

from multimarket_async.domains.orders.channels import Channel
from multimarket_async.domains.orders.formats.declared import Format, RefundFields, RefundLineFields
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.settings import load
from tests.commands import typed

PAGE = (Path(__file__).parents[4] / "multimarket_async/docs/formats.md").read_text("utf-8")
FILES = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"<!-- command: (.+?) -->\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_every_command_prints_what_the_page_says(tmp_path: Path) -> None:
    for name, content in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    assert len(COMMANDS) == 4
    for command, output in COMMANDS:
        done = typed(tmp_path, {}, *command.split())
        assert (done.returncode, done.stderr) == (0, "")
        printed = [line.split() for line in done.stdout.splitlines()]
        assert [line for line in output.splitlines() if line.split() not in printed] == []


def test_the_page_explains_every_key() -> None:
    parts = [Format, *(Format.model_fields[name].annotation for name in ("order", "lines", "csv")), RefundFields]
    keys = {key for part in (*parts, RefundLineFields) for key in part.model_fields}  # type: ignore[union-attr]
    keys |= {key for key in Channel.__dataclass_fields__ if key != "directory"}
    explained = {"title", "livraison", "words", "default", "refunds"}  # by others
    assert {key for key in keys - explained if f"`{key}" not in PAGE and f"{key} =" not in PAGE} == set()


def test_the_channel_of_the_page_is_valid(tmp_path: Path) -> None:
    [table] = re.findall(r"```toml\n(\[orders.channels.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "multimarket.toml"
    file.write_text(table, "utf-8")
    *_, channel = load({"orders": OrderSettings}, {}, {}, file).of(OrderSettings).channels
    assert channel == Channel("boutique_fr", "web-fr", "shopify", "either", "fr", "EUR")
