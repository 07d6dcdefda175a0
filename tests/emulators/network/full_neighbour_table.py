"""Fills the table of neighbours (ARP) that all networks of a computer share, as a crowd of other networks would.

Above ``net.ipv4.neigh.default.gc_thresh3`` entries the kernel makes no further one, but for entries that have not
changed for five seconds, which it drops.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOST = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")

_FILL = """
import itertools, socket, struct, subprocess, sys, time
subprocess.run(["ip", "link", "add", "crowd", "type", "bridge"], check=True)
subprocess.run(["ip", "address", "add", "10.0.0.1/8", "dev", "crowd"], check=True)
subprocess.run(["ip", "link", "set", "crowd", "up"], check=True)
index = socket.if_nametoindex("crowd")
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
NEW_NEIGHBOUR, REQUEST_REPLACE_CREATE, REACHABLE = 28, 0x501, 2
for turn in itertools.count():
    for start in range(0, int(sys.argv[1]) + 200, 100):
        kernel.send(b"".join(
            struct.pack("=IHHII", 48, NEW_NEIGHBOUR, REQUEST_REPLACE_CREATE, 0, 0)
            + struct.pack("=BxxxiHBB", socket.AF_INET, index, REACHABLE, 0, 0)
            + struct.pack("=HHI", 8, 1, socket.htonl(0x0A000100 + number))
            + struct.pack("=HH6sxx", 10, 2, bytes([2, 0, 0, 0, 0, turn % 2]))
            for number in range(start, start + 100)
        ))
    print("full", flush=True)
    time.sleep(0.5)
"""


needs_room_to_fill = pytest.mark.skipif(
    not MOST.exists() or int(MOST.read_text()) > 8192, reason="the table is another network's to see, or a large one"
)


@contextmanager
def full_neighbour_table(seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Inside, there is no room in it for so long; yields the process that sees to that."""
    words = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", _FILL, MOST.read_text().strip()]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as crowd:
        end = threading.Timer(seconds, crowd.kill)
        try:
            assert crowd.stdout is not None and crowd.stdout.readline() == b"full\n"
            end.start()
            yield crowd
        finally:
            end.cancel()
            crowd.kill()
