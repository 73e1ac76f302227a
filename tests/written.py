"""Declarations of the code, as the documents have them: `python -m tests.written` writes them there."""

import ast
import asyncio
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from multimarket_async.clock import Clock
from multimarket_async.discovery import declared, found, settings_models
from multimarket_async.domains import Column, LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.meters import Meters
from multimarket_async.readers.http import Sources
from multimarket_async.readers.http.api import Api
from multimarket_async.settings import Settings, fields, load
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "multimarket_async" / "docs"
PACKAGE = ROOT / "multimarket_async"
MODELS = {"orders": OrderSettings}  # other domains are described by themselves: `config show`, `kpi list`
LOGGING = {f"log.{level}" for level in ("debug", "info", "warning", "error", "exception")}
SELECTING = ("generation", "at", "amounts", "by", "for", "from", "to")  # rows of any KPI; others are its columns
WIDTH, ROW, GAP = 940, 46, 14


def settings_table() -> str:
    """The settings and their defaults."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in fields(MODELS).items():
        value = [*map(str, field.default)] if isinstance(field.default, tuple) else field.default
        default = "" if value is None else to_json(value).decode().strip('"')
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(rows)


def kpi_table() -> str:
    """The KPIs of each domain, with their columns and units."""
    names = [each.name for each in found()]
    domains = declared(load(settings_models(), {"domains": tuple(names)}, {}, Path("none.toml")))
    return "\n\n".join(_kpis(domain) for domain in sorted(domains, key=lambda domain: domain.name != "orders"))


def _kpis(domain: LoadedDomain) -> str:
    rows = [f"| `{kpi.name}` | {kpi.definition} | {', '.join(map(_column, kpi.columns))} |" for kpi in domain.kpis]
    return "\n".join([f"### {domain.name}", "", "| name | rows | columns |", "|---|---|---|", *rows])


def _column(column: Column) -> str:
    """Its name; amounts of money as integers are in minor units of their currency."""
    unit = f"minor units of {column.unit}" if column.type == "money" else column.unit
    return f"`{column.name}` ({unit})" if unit else f"`{column.name}`"


def events_table() -> str:
    """Events of the log, with their level, their facts, and the parts that log them."""
    rows: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for part, call in _logged():
        for name in _names(call):
            levels, facts, parts = rows.setdefault(name, (set(), set(), set()))
            levels.add(call.func.attr.replace("exception", "error"))  # type: ignore[attr-defined]
            facts.update(keyword.arg or "..." for keyword in call.keywords if keyword.arg != "exc_info")
            parts.add(part)
    lines = [
        f"| `{name}` | {_listed(levels)} | {_listed(facts)} | {_listed(parts)} |"
        for name, (levels, facts, parts) in sorted(rows.items())
    ]
    return "\n".join(["| event | level | facts | logged by |", "|---|---|---|---|", *lines])


def _listed(names: Iterable[str]) -> str:
    """In the order of the alphabet, "..." last."""
    return ", ".join(sorted(names, key=lambda name: (name == "...", name)))


def _logged() -> Iterator[tuple[str, ast.Call]]:
    """Calls of the log, each with the part of the package that it is in."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in LOGGING:
                yield file.relative_to(PACKAGE).parts[0].removesuffix(".py"), node


def _names(call: ast.Call) -> Iterator[str]:
    for node in ast.walk(call.args[0]):
        if isinstance(node, ast.Constant) and re.fullmatch(r"\w+\.\w+", str(node.value)):
            yield str(node.value)


def addresses_table() -> str:
    """The HTTP interface, as its description has it; the first KPI stands for all, without its columns."""
    paths = asyncio.run(_described())["paths"]
    first = next(path for path in paths if path.startswith("/api/kpis/"))
    rows = ["| address | gives | query |", "|---|---|---|"]
    for path, methods in paths.items():
        get = methods["get"]
        asked = [item["name"] for item in get.get("parameters", ()) if item["in"] == "query"]
        if path.startswith(first):
            title = get["summary"].replace(paths[first]["get"]["summary"], "A KPI")
            named = _quoted(name for name in asked if name in SELECTING)
            rows.append(f"| `{path.replace(first, '/api/kpis/<name>')}` | {title} | {named} |")
        elif not path.startswith("/api/kpis/"):
            rows.append(f"| `{path}` | {get['summary']} | {_quoted(asked)} |")
    return "\n".join(rows)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


async def _described() -> dict[str, Any]:
    loaded = load(MODELS, {}, {}, Path("none.toml"))
    clock, store = Clock(), Store("mongodb://127.0.0.1:1", "none")
    sources = Sources(
        [ORDERS.under(loaded)],
        [],
        store,
        loaded.of(Settings),
        clock,
        Meters(),
        Tasks(clock),
        Path("none"),
        asyncio.Event(),
    )
    found: dict[str, Any] = Api(sources)._application(sources).openapi()
    await store.aclose()
    return found


def layers() -> list[list[str]]:
    """Parts of the package, from the top down: each imports those below it only."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        [contract] = [
            found for found in tomllib.load(file)["tool"]["importlinter"]["contracts"] if found["type"] == "layers"
        ]
    return [layer.split(" | ") for layer in contract["layers"]]


def architecture() -> str:
    """A picture of the layers, one row each; a part's tip is the first sentence of its docstring."""
    top, drawn = GAP, []
    for layer in layers():
        wide = (WIDTH - GAP) / len(layer)
        drawn += [_box(part, GAP + number * wide, top, wide - GAP) for number, part in enumerate(layer)]
        top += ROW + GAP
    size = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    style = 'font-family="sans-serif" font-size="13" text-anchor="middle" fill="#16202c"'
    title = "<title>Layers of multimarket_async: imports point down</title>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {style}>\n{title}\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _box(part: str, left: float, top: float, width: float) -> str:
    place = PACKAGE / f"{part}.py"
    said = ast.get_docstring(
        ast.parse((place if place.exists() else PACKAGE / part / "__init__.py").read_text("utf-8"))
    )
    fill = "#e7effa" if place.exists() else "#cfe0f5"
    return (
        f"<g><title>{escape((said or '').splitlines()[0])}</title>"
        f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{ROW}" rx="6" fill="{fill}" stroke="#1554a5"/>'
        f'<text x="{left + width / 2:.0f}" y="{top + ROW / 2 + 4:.0f}">{part}</text></g>'
    )


def contents() -> str:
    """The tables of the README that lead to all pages."""
    text = (ROOT / "README.md").read_text("utf-8")
    tables = re.findall(r"^\|.*\n(?:\|.*\n|\n(?=\|))+", text[text.index("## Documents") :], re.MULTILINE)
    return "".join(tables).strip().replace("](multimarket_async/docs/", "](")


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "contents": ("index", contents),
    "settings": ("reference", settings_table),
    "addresses": ("reference", addresses_table),
    "kpis": ("kpis", kpi_table),
    "events": ("events", events_table),
}


def between(name: str, text: str) -> str:
    """The part of a page between the two marks of this name."""
    found = re.search(rf"<!-- {name}: begin -->\n(.*?)\n?<!-- {name}: end -->", text, re.DOTALL)
    assert found is not None, name
    return found[1]


def main() -> None:
    """Write all of it."""
    for name, (page, table) in TABLES.items():
        file = DOCUMENTS / f"{page}.md"
        text = file.read_text("utf-8")
        marks = (f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->")
        before, after = text.partition(marks[0])[0], text.partition(marks[1])[2]
        file.write_text(before + marks[0] + table() + "\n" + marks[1] + after, "utf-8")
    (DOCUMENTS / "architecture.svg").write_text(architecture(), "utf-8")


if __name__ == "__main__":
    main()
