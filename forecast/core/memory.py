"""Memory: how much there is, and giving it back to the operating system."""

import ctypes
import gc
import os
import sys
from pathlib import Path

# Where Linux tells the limit of a container, by the second and by the first version of its groups.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def release_memory() -> None:
    """Free what is no longer referenced, on the host and on the accelerator."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def memory_limit() -> int:
    """Return the most bytes that this process may take: what its container has, or else the host."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _LIMITS:
        try:
            told = file.read_text().strip()
        except OSError:
            continue
        if told.isdecimal():
            return min(host, int(told))
    return host
