"""Huge pages for the warm interpreter's memory, since a fork copies a page table entry for each page.

Sources: madvise(2), proc_pid_maps(5).
"""

from __future__ import annotations

import ctypes

MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
HUGE_BYTES = 2**21

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def collapse() -> None:
    """Puts what this process has allocated into huge pages, as far as its kernel can (from Linux 6.1 on)."""
    with open("/proc/self/maps") as maps:
        lines = maps.read().splitlines()
    for line in lines:
        places, rights, _, _, file, *name = line.split()
        if rights == "rw-p" and file == "0" and name in ([], ["[heap]"]):
            begin, end = (int(place, 16) for place in places.split("-"))
            for huge in range(-(-begin // HUGE_BYTES) * HUGE_BYTES, end - HUGE_BYTES + 1, HUGE_BYTES):
                # Each on its own: the kernel refuses a range where it finds nothing to collapse in a part of it.
                _libc.madvise(huge, HUGE_BYTES, MADV_HUGEPAGE)
                _libc.madvise(huge, HUGE_BYTES, MADV_COLLAPSE)
