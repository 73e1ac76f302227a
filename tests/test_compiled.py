"""A module in C is used where it was compiled, and of this version."""

import json
from pathlib import Path

import pytest

from multimarket_async import formats, landing, store
from multimarket_async.compiled import compiled_module


def test_a_module_of_this_version_is_used() -> None:
    assert compiled_module("json", "loads", "dumps") is json


def test_one_that_was_not_compiled_or_lacks_a_function_is_not() -> None:
    """After an update of the sources alone, what was compiled is of the earlier version."""
    assert compiled_module("multimarket_async._never") is None
    assert compiled_module("json", "loads", "load_in_c") is None


@pytest.mark.parametrize("package", [formats, landing, store], ids=lambda package: str(package.__name__))
def test_each_function_that_a_module_has_is_named_where_it_is_loaded(package: object) -> None:
    """Else an earlier version would be taken, and fail where the function is called."""
    folder = Path(str(package.__file__)).parent  # type: ignore[attr-defined]
    python = "\n".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    for source in folder.glob("*.c"):
        [load] = [line for line in python.splitlines() if f'.{source.stem}"' in line and "compiled_module(" in line]
        has = [line.split('"')[1] for line in source.read_text("utf-8").splitlines() if line.startswith('    {"')]
        assert sorted(has) == sorted(load.split('"')[3::2])
