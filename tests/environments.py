"""Environments of other programs, such as Airflow, beside that of the tests: each is made once for its pins."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.tracing import missing

INSTALLED_WITHIN_S = 400


def environment(name: str, pins: Path, *options: str) -> Path:
    """The Python of the environment `name`, with the packages of a file of requirements."""
    folder = Path(sys.prefix) / name
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists() or complete.read_text("utf-8") != pins.read_text("utf-8"):
        venv.create(folder, clear=True, with_pip=True)
        words = ["-m", "pip", "install", "--quiet", "--no-compile", *options, "--requirement", str(pins)]
        try:
            subprocess.run([python, *words], check=True, capture_output=True, timeout=INSTALLED_WITHIN_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            shutil.rmtree(folder)
            missing(f"{name} cannot be installed: {error}")
        complete.write_text(pins.read_text("utf-8"), "utf-8")
    return python
