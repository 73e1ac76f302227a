"""The package and its tests use the terms of the field (docs/glossary.md), as far as a machine can tell."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import multimarket_async

PACKAGE = Path(multimarket_async.__file__).parent
TEXTS = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".js", ".html", ".c", ".toml", ".json"}]
RIDDLE = re.compile(r"(What|Who|Where|Whether|Whoever|Those|How|All that)\b")
RETIRED = re.compile(
    r"\b(dropped|told|struck|victim|assault|spoiled|touched|verdict|whoever|set aside|put back|in hand|at once)\b",
    re.IGNORECASE,
)


@cache
def modules() -> dict[Path, ast.Module]:
    """Every module of the package and its tests, parsed."""
    folders = (PACKAGE, Path(__file__).parent)
    return {path: ast.parse(path.read_text("utf-8")) for folder in folders for path in folder.rglob("*.py")}


def documented() -> Iterator[tuple[Path, str]]:
    """Every docstring, with its module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield path, text


def targets() -> Iterator[tuple[Path, str]]:
    """Every name that a loop or a comprehension binds, with its module."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
                yield from ((path, name.id) for name in ast.walk(node.target) if isinstance(name, ast.Name))


def test_a_docstring_starts_with_a_noun_or_a_verb() -> None:
    assert [(str(path), text.splitlines()[0]) for path, text in documented() if RIDDLE.match(text)] == []


def test_a_loop_variable_is_the_singular_of_its_list() -> None:
    assert [str(path) for path, name in targets() if name == "one"] == []


def test_no_retired_word_is_used() -> None:
    lines = [(path.name, line.strip()) for path in TEXTS for line in path.read_text("utf-8").splitlines()]
    assert [(name, line) for name, line in lines if RETIRED.search(line)] == []
