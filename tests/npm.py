"""Programs from npm that tests run: fetched once, into the virtual environment, or else a test is skipped."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 100


def installed(package: str, version: str) -> Path:
    """The folder that node finds this package in."""
    if not (npm := shutil.which("npm")):
        pytest.skip("npm is not here")
    folder = Path(sys.prefix) / "npm" / f"{package.replace('/', '+')}@{version}"
    complete = folder / "complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{package}@{version}"]
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm cannot get {package}: {error}")
        complete.touch()
    return folder / "node_modules"
