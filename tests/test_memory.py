"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

MB = 10**6
# Blocks that come and go, with small ones between them that stay: what a generation of KPIs does to the heap.
CODE = """
from multimarket_async.memory import keep_one_small_heap
keep_one_small_heap()
bytes(30_000_000)  # as large a block as glibc lets its limit follow
kept = []
for _ in range(3):
    blocks = []
    for _ in range(40):
        blocks.append(bytes([1]) * 1_000_000)
        kept.append(bytes([1]) * 1_000)
    del blocks
import os
print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such setting")
def test_large_blocks_go_back() -> None:
    """40 MB come and go; a Python without them takes about 12 MB."""
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert int(found.stdout) < 30 * MB
