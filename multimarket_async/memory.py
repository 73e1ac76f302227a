"""Settings of glibc's allocator, and of Python's collector of cycles and interpreter lock."""

import ctypes
import gc
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # <malloc.h>
MMAP_FROM_BYTES = 256 << 10
CONTAINERS_BETWEEN_COLLECTIONS = 50_000
SWITCH_THREADS_AFTER_S = 0.0005


def keep_one_small_heap() -> None:
    """Return large freed blocks to the system, and share one heap between the threads; nothing without glibc.

    glibc maps blocks from 128 KiB on separately, but raises that limit to the size of each such block that is freed, up
    to 32 MiB (mallopt(3), M_MMAP_THRESHOLD). From then on messages of some megabytes lie in the heap between small
    blocks that live on, and the process keeps for good what it needed for a moment.

    A heap for each thread would keep the peak of each; with the GIL they take turns anyway.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES)
        mallopt(M_ARENA_MAX, 1)


def collect_cycles_less_often() -> None:
    """Look for cycles after so many new containers, instead of after 700.

    A chunk of records is some ten thousand containers without a cycle, all of which are looked at again and again
    while it is read: a tenth of the time of reading it.
    """
    gc.set_threshold(CONTAINERS_BETWEEN_COLLECTIONS)


def switch_threads_sooner() -> None:
    """Hand the interpreter lock to a thread that waits for it after half a millisecond, instead of after 5.

    The thread that reads records computes all the time. The event loop and the threads of the driver take the lock
    some ten times for each chunk that they store, for a moment, and the chunk waits as often.
    """
    sys.setswitchinterval(SWITCH_THREADS_AFTER_S)
