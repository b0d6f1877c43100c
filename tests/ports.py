"""Ports for the processes that tests start."""

import os
import random
import socket
from pathlib import Path

_LOWEST = 12_000  # above those that browsers refuse
_USUAL = 32_768
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port on which nothing listens, and which is named to nobody else.

    Whoever asks the system for any port, as each connection does, could be given one that the system named
    here before the process listens there for which it is meant. So it is none of the system's.
    """
    while True:
        port = _ports.pop()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _own_ports() -> list[int]:
    """Return the ports of this process of the tests, in an order of its own: other runs have others."""
    lowest = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else _USUAL
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = [*range(_LOWEST + worker, lowest if lowest > 2 * _LOWEST else _USUAL, workers)]
    random.SystemRandom().shuffle(ports)
    return ports


_ports = _own_ports()
