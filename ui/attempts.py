"""Counting passwords that were tried, so that nobody can try many."""

import threading
import time
from collections import deque
from collections.abc import Callable
from math import ceil

_SECONDS = 60.0
_MOST = 5
_MOST_IN_ALL = 50


class Attempts:
    """The attempts of the last minute: five of one address, and fifty of all, are let through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made: deque[tuple[float, str]] = deque()

    def count(self, address: str) -> int:
        """Count an attempt and return 0, or return the seconds to wait for where there were too many."""
        with self._lock:
            now = self._clock()
            while self._made and self._made[0][0] <= now - _SECONDS:
                self._made.popleft()
            own = [when for when, whose in self._made if whose == address]
            if len(own) < _MOST and len(self._made) < _MOST_IN_ALL:
                self._made.append((now, address))
                return 0
            first = own[0] if len(own) >= _MOST else self._made[0][0]
            return max(1, ceil(first + _SECONDS - now))

    def forget(self, address: str) -> None:
        """Take back the attempts of an address: it knows the password."""
        with self._lock:
            self._made = deque((when, whose) for when, whose in self._made if whose != address)
