"""How long a worker that is free lets a batch fill up before it begins it."""

import time

SHARE = 1 / 16
"""The most time a batch is held, as a share of what the last one took."""
QUIET_SECONDS = 0.1
"""When nobody has come for so long since then, nobody is on the way."""


class Hold:
    """Waits for the callers of the last batch, who often ask again as soon as they are answered.

    Begun at once, a batch of the first two of them would keep the other sixty waiting, and a model takes
    nearly as long for two series as for ten. Not thread-safe, guarded by its owner's lock.
    """

    def __init__(self) -> None:
        self._size = 0
        self._until = 0.0
        self._newest = 0.0

    def ended(self, size: int, seconds: float) -> None:
        """Note that a batch of so many series has ended, and took so long."""
        self._size = size
        self._newest = time.monotonic()
        self._until = self._newest + SHARE * seconds

    def came(self) -> None:
        """Note that a job was queued."""
        self._newest = time.monotonic()

    def left(self, waiting: int) -> float:
        """Return for how many seconds a batch of what waits is worth holding, 0 where it should begin."""
        if waiting >= self._size:
            return 0.0
        now = time.monotonic()
        return max(0.0, min(self._until, self._newest + QUIET_SECONDS) - now)
