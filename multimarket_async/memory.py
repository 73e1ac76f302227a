"""What the C library does with memory that is free again."""

import ctypes
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # <malloc.h>
OWN_PAGES_BYTES = 256 << 10


def keep_one_small_heap() -> None:
    """A block of OWN_PAGES_BYTES or more gets pages of its own, and the system has them back when it is freed.

    glibc begins so, at 128 KiB, but at each such block that is freed it raises the limit to its size, up to 32 MiB
    (mallopt(3), M_MMAP_THRESHOLD). From then on messages of some megabytes lie in the heaps of the threads, between
    what lives on, and a process keeps for good what it once needed for a moment.

    And there is one heap: of each thread's own it would keep the peak, and with the interpreter lock they take turns
    anyway. Elsewhere than under glibc this does nothing.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES)
        mallopt(M_ARENA_MAX, 1)
