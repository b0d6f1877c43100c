"""Which process holds a part of a job, and whether it still lives."""

import os
import socket
import uuid
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def host_id() -> str | None:
    """Return what all processes share whose numbers mean the same; None where that cannot be told."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return None


def process_id() -> str:
    """Return what no other process has ever been called: its host, its number, and when it began."""
    host, began = host_id(), _began(os.getpid())
    if host is None or began is None:
        return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4()}"
    return f"{host}/{os.getpid()}/{began}"


def is_dead(process: str) -> bool:
    """Return whether a process certainly has ended: it was one of this host, and lives no more."""
    host, number, began = process.rsplit("/", 2)
    return host == host_id() and _began(int(number)) != began


def _began(number: int) -> str | None:
    """Return when a process began, in clock ticks since the host did; None where there is no such process."""
    try:
        told = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    state, *fields = told[told.rindex(")") + 2 :].split()
    return None if state in "ZX" else fields[18]
