"""A module in C, compiled with the address and undefined-behaviour sanitizers."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

LOADED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location({name!r}, {library!r})
c = importlib.util.module_from_spec(spec)
spec.loader.exec_module(c)
"""
FLAGS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover", "-shared", "-fPIC"]


def exercised_with_sanitizers(source: Path, exercise: str, folder: Path) -> None:
    """Run a script that uses the module as `c` and prints "done"; the folder is its second argument."""
    library = folder / f"{source.stem}.so"
    try:
        compiler = ["gcc", *FLAGS, f"-I{sysconfig.get_path('include')}", str(source), "-o", str(library)]
        subprocess.run(compiler, check=True, capture_output=True)
        found = subprocess.run(["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs gcc with its sanitizers: {error}")
    script = LOADED.format(name=source.stem, library=str(library)) + exercise
    done = subprocess.run(
        [sys.executable, "-c", script, str(library), str(folder / "places")],
        check=False, capture_output=True, text=True,
        env={**os.environ, "LD_PRELOAD": found.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"},
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
