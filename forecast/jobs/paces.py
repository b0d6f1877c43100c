"""How long the items of each job take."""

import threading
from collections import OrderedDict

PART_SECONDS = 10.0
"""About how long a worker computes a part, where that is more than a few items."""
LEAST_ITEMS = 4
"""How many items a worker computes at a time at least."""
_MOST_JOBS = 256


class Paces:
    """Seconds an item of each job that this process computes; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, float] = OrderedDict()

    def learn(self, job_id: str, items: int, seconds: float) -> None:
        """Note how long so many items of a job took."""
        with self._lock:
            self._known[job_id] = seconds / items
            self._known.move_to_end(job_id)
            if len(self._known) > _MOST_JOBS:
                self._known.popitem(last=False)

    def most_items(self, job_id: str) -> int | None:
        """Return how many items of a job are to be computed at a time, None where none were so far."""
        with self._lock:
            item_seconds = self._known.get(job_id)
        if item_seconds is None:
            return None
        return max(LEAST_ITEMS, int(PART_SECONDS / max(item_seconds, 1e-9)))
