"""Packages with domains of their own, as pip would install them: a module, and metadata that names its entry point."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def installed(site: Path, name: str, source: str, entry_points: str) -> Path:
    """Write the module `name` and its metadata into the folder `site`, which is to be on sys.path."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / f"{name}.py").write_text(source, "utf-8")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(f"[multimarket_async.domains]\n{entry_points}\n", "utf-8")
    return site


def multimarket(
    site: Path, *words: str | Path, timeout_s: float = 300, **environ: str
) -> subprocess.CompletedProcess[str]:
    """The end of a command with the packages of `site`, in that folder; without settings of the surroundings."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MULTIMARKET_")}
    path = os.pathsep.join(map(str, (site, ROOT)))
    command = [sys.executable, "-m", "multimarket_async", *map(str, words)]
    environment = {**outer, "PYTHONPATH": path, **environ}
    return subprocess.run(
        command, cwd=site, capture_output=True, text=True, check=False, timeout=timeout_s, env=environment
    )
