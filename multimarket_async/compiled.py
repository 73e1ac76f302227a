"""Modules in C, each of which does in less time what Python beside it can do too."""

from importlib import import_module
from types import ModuleType


def compiled_module(name: str, *functions: str) -> ModuleType | None:
    """A module with these functions; None where no C compiler was at hand, or an earlier version of it was compiled."""
    try:
        module = import_module(name)
    except ImportError:
        return None
    return module if all(hasattr(module, function) for function in functions) else None
