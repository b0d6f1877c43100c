"""Processes that fit series one by one, for libraries that train a model per series.

The processes are spawned, since forking a process that has threads is unsafe. They import the heavy
library once, run it on one thread each, leave interrupts to the parent and end when it ends, however
that happens. What they write to the temporary folder is gone when the pool is closed.
"""

import contextlib
import functools
import math
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

from forecast.core.adapter import Capabilities
from forecast.core.chunks import Chunks
from forecast.core.errors import ModelError, ShutDownError

END_SECONDS = 5.0
"""How long running fits may take to end when a pool is closed."""

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "STAN_NUM_THREADS"),
    "1",
)
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

# More at once wait less for the slowest at the end.
_ITEMS_PER_PROCESS = 16
_QUICK_ITEMS_PER_PROCESS = 256

T = TypeVar("T")
R = TypeVar("R")


class FitPool:
    """A fixed number of warm processes; one thread at a time calls `map`."""

    def __init__(self, processes: int, warm: Callable[[], None], recycle: int | None = None) -> None:
        """Start all processes and return when `warm` has run in each.

        `processes` of 0 is one per core that this process may use. After `recycle` items per process
        all of them are replaced before the next call of `map`, which gives back what a library leaks.
        What `warm` raises is raised here; ModelError where the processes cannot be started.
        """
        self.processes = processes or available_cores()
        self._warm = warm
        self._most = None if recycle is None else recycle * self.processes
        self._replacing = threading.Lock()
        self._closed = False
        self._ended = False
        self._mapped = 0
        self._start()

    def limit(self, capabilities: Capabilities) -> Capabilities:
        """Return what a model can do, with as many series in a call as keep the processes busy."""
        return _limit(capabilities, self.processes)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return `function` of each item, in order; the function is one that a module exports.

        Raises what the function raises first, ModelError where a process dies over it (the next call
        finds new processes), ShutDownError where the pool is closed.
        """
        work = list(items)
        if self._ended or (self._most is not None and self._mapped >= self._most):
            self._replace()
        try:
            try:
                chunks = Chunks(self._executor, self.processes, function, work)
            except BrokenProcessPool:  # a process died in the last call, or while it had nothing to do
                self._replace()
                chunks = Chunks(self._executor, self.processes, function, work)
            self._mapped += len(work)
            return chunks.results()
        except (BrokenProcessPool, CancelledError, RuntimeError) as error:
            if self._closed:
                raise ShutDownError("The model was shut down before the forecast was made.") from error
            if not isinstance(error, BrokenProcessPool):
                raise
            raise ModelError(
                "A process that fits series ended unexpectedly, perhaps for want of memory."
            ) from error

    def close(self) -> None:
        """End the processes, those that do not end in time by force; closing twice is harmless."""
        self._closed = True
        with self._replacing:
            self._end()

    def _replace(self) -> None:
        with self._replacing:
            if self._closed:
                raise ShutDownError("The model was shut down before the forecast was made.")
            self._ended = True  # and stays so where the new ones cannot be started
            self._end()
            self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory(prefix="sapheneia-fit-", ignore_cleanup_errors=True)
        self._pids: list[int] = []
        # Each warm-up waits for the others, so that no process takes two of them and all get started.
        everyone = context.Barrier(self.processes)
        # max_tasks_per_child is left alone: it can leave work waiting for a process that is never
        # started (python/cpython#115634).
        self._executor = ProcessPoolExecutor(
            self.processes, mp_context=context, initializer=_begin, initargs=(everyone, self._folder.name)
        )
        try:
            futures = [self._executor.submit(_warm_up, self._warm) for _ in range(self.processes)]
            self._pids = [future.result() for future in futures]
        except BaseException as error:
            everyone.abort()
            self._end()
            if isinstance(error, BrokenProcessPool):
                raise ModelError("The processes that fit series could not be started.") from error
            raise
        self._mapped = 0
        self._ended = False

    def _end(self) -> None:
        force = threading.Timer(END_SECONDS, _kill, (self._pids,))
        force.daemon = True
        force.start()
        self._executor.shutdown(wait=True, cancel_futures=True)
        force.cancel()
        self._folder.cleanup()


@functools.lru_cache
def _limit(capabilities: Capabilities, processes: int) -> Capabilities:
    return replace(
        capabilities,
        max_batch=_ITEMS_PER_PROCESS * processes,
        quick_batch=_QUICK_ITEMS_PER_PROCESS * processes,
    )


def available_cores() -> int:
    """Return the cores that this process may use: its affinity, and its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if _CPU_QUOTA.is_file():
        quota, period = _CPU_QUOTA.read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    return cores


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


# What follows runs in the processes of the pool.

_everyone: Barrier


def _begin(everyone: Barrier, folder: str) -> None:
    # Runs before the first task is read, and with it before numpy is imported and reads these.
    global _everyone  # noqa: PLW0603 - a barrier reaches a process only when it starts
    _everyone = everyone
    os.environ.update(_ONE_THREAD)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    # A group of its own, so that what a fit has started can be ended together with it.
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _warm_up(warm: Callable[[], None]) -> int:
    _everyone.wait()
    warm()
    return os.getpid()
