"""Items on their way through the processes of a pool, several at a time where each takes but a moment."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Generic, TypeVar

# What a process has to do when it is handed work: handing over takes 0.4 ms of the parent, and of a process
# that has nothing else to do the wait for a parent that is busy, which is at most Python's switch interval.
_CHUNK_SECONDS, _LEAST_SECONDS = 0.02, 0.005
# One chunk in work and one at hand, so that no process waits for its parent.
_CHUNKS_PER_PROCESS = 2
_LOOK_SECONDS = 1.0

T = TypeVar("T")
R = TypeVar("R")


class Chunks(Generic[T, R]):
    """One call of a function for each of many items, by so many processes; begun when it is made.

    The function is one that a module exports. The first chunks are single items, the others as many as take
    a moment, and fewer towards the end, so that all processes have something to do until almost then.
    """

    def __init__(
        self, executor: Executor, processes: int, function: Callable[[T], R], items: Sequence[T]
    ) -> None:
        """Hand out the first chunks; raises what the executor raises that takes no more."""
        self._executor = executor
        self._most = _CHUNKS_PER_PROCESS * processes
        self._function = function
        self._items = items
        self._begun = 0
        self._item_seconds = _CHUNK_SECONDS
        self._running: dict[Future[tuple[list[R], float]], int] = {}
        self._hand_out()

    def results(self) -> list[R]:
        """Return the function of each item, in order; raises what it raises first."""
        found: dict[int, list[R]] = {}
        try:
            while self._running:
                # Those that a pool cancels as it closes are done without a word to whoever waits.
                ended = wait(self._running, _LOOK_SECONDS, FIRST_COMPLETED).done
                for future in ended or [one for one in self._running if one.cancelled()]:
                    some, seconds = future.result()
                    found[self._running.pop(future)] = some
                    self._item_seconds = seconds / len(some)
                self._hand_out()
        finally:
            for future in self._running:
                future.cancel()
        return [one for place in sorted(found) for one in found[place]]

    def _hand_out(self) -> None:
        while self._begun < len(self._items) and len(self._running) < self._most:
            some = self._items[self._begun : self._begun + self._size()]
            self._running[self._executor.submit(_call, self._function, some)] = self._begun
            self._begun += len(some)

    def _size(self) -> int:
        left = len(self._items) - self._begun
        most, least = (
            int(seconds / max(self._item_seconds, 1e-6)) for seconds in (_CHUNK_SECONDS, _LEAST_SECONDS)
        )
        return max(1, least, min(most, -(-left // self._most)))


def _call(function: Callable[[T], R], items: Sequence[T]) -> tuple[list[R], float]:
    """Run in a process: return what the function makes of each item, and the seconds for all."""
    started = time.perf_counter()
    return [function(item) for item in items], time.perf_counter() - started
