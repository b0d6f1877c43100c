"""A model's heavy libraries, imported beside a service that keeps answering.

Importing torch as it comes holds the interpreter's lock for up to half a second at a time: while the
dynamic loader maps its kernels, and whenever the collector walks all that the import has made.
"""

import ctypes
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path

_TORCH_KERNELS = ("lib/libtorch_cpu.so", "lib/libtorch_cuda.so")

_lock = threading.Lock()
_importing = threading.Lock()
_pauses = 0


def import_libraries(*names: str) -> None:
    """Import modules by their full names; a caller's own `import` of them is then free.

    What a library leaves in memory stays until the process ends, so the collector is told to pass over it
    from then on: collecting after a shutdown takes milliseconds.
    """
    # One thread at a time: transformers puts another module in its own place when its import ends, and an
    # import in another thread that waits for that end is left with the first one.
    with _importing:
        new = [name for name in names if name not in sys.modules]
        if not new:
            return
        with collector_paused():
            if "torch" not in sys.modules:
                _map_kernels()
            for name in new:
                importlib.import_module(name)
            gc.freeze()


def import_alone(name: str) -> None:
    """Import a module without running what the packages that it lies in do when they are imported.

    For a library whose package imports, or sets up, more than is wanted of it. Raises ModuleNotFoundError
    where it is not installed.
    """
    packages = name.split(".")[:-1]
    for depth in range(1, len(packages) + 1):
        _stand_in_for(".".join(packages[:depth]))
    import_libraries(name)


def _stand_in_for(package: str) -> None:
    if package in sys.modules:
        return
    found = find_spec(package)
    if found is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    # A module without code of its own, which knows only where the package's modules lie.
    bare = ModuleSpec(package, loader=None, is_package=True)
    bare.submodule_search_locations = found.submodule_search_locations
    sys.modules[package] = module_from_spec(bare)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Let nothing be collected meanwhile: neither libraries nor weights are garbage while they come in."""
    _count_pauses(1)
    try:
        yield
    finally:
        _count_pauses(-1)


def _count_pauses(change: int) -> None:
    global _pauses  # noqa: PLW0603 - the collector is one a process, and so is the count
    with _lock:
        _pauses += change
        gc.disable() if _pauses else gc.enable()


def _map_kernels() -> None:
    """Map torch's largest files before its import does, which would hold the interpreter's lock.

    A file that cannot be mapped alone is left to the import, which knows where its dependencies lie.
    """
    spec = find_spec("torch")
    if sys.platform != "linux" or spec is None or spec.origin is None:
        return
    # Called as any C function, dlopen runs without the lock, which ctypes.CDLL(path) would hold.
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name in _TORCH_KERNELS:
        file = Path(spec.origin).parent / name
        if file.exists():
            dlopen(os.fsencode(file), os.RTLD_NOW)
