"""Giving memory back to the operating system."""

import ctypes
import gc
import sys


def release_memory() -> None:
    """Free what is no longer referenced, on the host and on the accelerator."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
