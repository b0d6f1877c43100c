"""The parts of jobs that this process holds: signs of life for each, and word where one is held no more."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from forecast.jobs.claims import Chunk, Claims

BEAT_SECONDS = 1.0
"""How long it takes at the most until a worker learns that its part is not wanted any more."""


class Leases:
    """What the workers of this process hold; thread-safe, and kept by whoever calls `beat` every second."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Chunk, threading.Event]] = {}
        self._renewed = time.monotonic()

    @contextmanager
    def hold(self, chunk: Chunk) -> Iterator[threading.Event]:
        """Keep a part that was claimed, and yield what is set once it is to be dropped."""
        dropped = threading.Event()
        with self._lock:
            self._held[chunk.worker] = chunk, dropped
        try:
            yield dropped
        finally:
            with self._lock:
                self._held.pop(chunk.worker, None)

    def beat(self) -> None:
        """Give signs of life in time, and have those parts dropped that others hold or nobody wants."""
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        due = self._renewed + self._claims.settings.job_lease_seconds / 3
        renew = time.monotonic() >= due
        kept = self._claims.keep(held.keys(), renew=renew)
        if renew:
            self._renewed = time.monotonic()
        for worker, (_, dropped) in held.items():
            if worker not in kept:
                dropped.set()

    def drop_all(self) -> None:
        """Tell all workers to drop what they compute."""
        with self._lock:
            for _, dropped in self._held.values():
                dropped.set()

    def give_back(self) -> None:
        """Let other processes claim at once what is held here, whatever still computes it."""
        with self._lock:
            held = [chunk for chunk, _ in self._held.values()]
        for chunk in held:
            self._claims.give_back(chunk)
