"""Extras of the package: whether the packages of one are installed, and the command that installs them."""

import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def installed(packages: Iterable[str]) -> bool:
    """True if all of these packages are, by their names in the package index."""
    try:
        return all(map(version, packages))
    except PackageNotFoundError:
        return False


def install_command(extra: str) -> str:
    """The command that installs an extra into the environment of this process."""
    return f"{sys.executable} -m pip install 'multimarket-async[{extra}]'"
