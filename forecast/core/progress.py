"""How far a load is: written by the thread that loads, read by whoever asks for the status.

What loads finds its progress by `current_progress`, so that an adapter's `load` needs no argument for it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

from forecast.core.errors import ShutDownError

Phase = Literal["preparing", "downloading", "reading", "warming up"]


@dataclass(frozen=True, slots=True)
class Figures:
    """A load at one moment; bytes are those of the files that are downloaded, None in other phases."""

    phase: Phase = "preparing"
    bytes_done: int | None = None
    bytes_total: int | None = None

    @property
    def percent(self) -> float | None:
        """The share of the bytes that are there, or None where there is nothing to count."""
        if self.bytes_done is None or self.bytes_total is None:
            return None
        return round(100 * self.bytes_done / self.bytes_total, 1) if self.bytes_total else 100.0


class LoadProgress:
    """The progress of one load, and the way to end it: every call that tells of progress may raise.

    Any thread may call anything here; `figures` costs no more than reading an attribute.
    """

    def __init__(self) -> None:
        self._figures = Figures()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    @property
    def figures(self) -> Figures:
        """How far the load is now."""
        return self._figures

    def begin(self, phase: Phase, bytes_done: int | None = None, bytes_total: int | None = None) -> None:
        """Enter a phase, of which `bytes_done` are there already; raise ShutDownError when cancelled."""
        with self._lock:
            self._figures = Figures(phase, bytes_done, bytes_total)
        self.check()

    def advance(self, count: int) -> None:
        """Count bytes, or take them back; raise ShutDownError when cancelled."""
        with self._lock:
            done = (self._figures.bytes_done or 0) + count
            self._figures = replace(self._figures, bytes_done=done)
        self.check()

    def cancel(self) -> None:
        """End the load as soon as it tells of its progress."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise ShutDownError when the load was cancelled."""
        self.pause(0)

    def pause(self, seconds: float) -> None:
        """Wait, no longer than until the load is cancelled, and raise ShutDownError if it is."""
        if self._cancelled.wait(seconds):
            raise ShutDownError("The model was shut down while it was loading.")


_current: ContextVar[LoadProgress | None] = ContextVar("load_progress", default=None)


def current_progress() -> LoadProgress:
    """Return the progress of the load that this thread is in; one that nobody reads outside of any."""
    return _current.get() or LoadProgress()


@contextmanager
def tracked(progress: LoadProgress) -> Iterator[None]:
    """Make it the progress of what this thread loads meanwhile."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)
