"""Descriptors: as many as the system permits."""

import subprocess
import sys

SHOWN = "from multimarket_async.descriptors import limit, raise_limit; raise_limit(); print(limit())"


def test_the_limit_of_a_shell_is_raised_to_that_of_the_system() -> None:
    raised = f'ulimit -Sn 64 && ulimit -Hn 2000 && exec "{sys.executable}" -c "{SHOWN}"'
    assert subprocess.run(["bash", "-c", raised], capture_output=True, text=True, check=True).stdout == "2000\n"
