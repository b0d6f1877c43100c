"""How long a model takes for a batch, learned from the batches it has computed."""

import numpy as np

_WEIGHT_OF_THE_NEWEST = 0.3


class Pace:
    """Seconds per batch by batch size; not thread-safe, guarded by its owner's lock."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def learn(self, size: int, seconds: float) -> None:
        """Note that a batch of `size` series took `seconds`."""
        before = self._seconds.get(size, seconds)
        self._seconds[size] = before + _WEIGHT_OF_THE_NEWEST * (seconds - before)

    def batch_seconds(self, size: int) -> float:
        """Return the expected seconds for one batch; 0 as long as nothing is known."""
        if not self._seconds:
            return 0.0
        sizes = sorted(self._seconds)
        return float(np.interp(size, sizes, [self._seconds[known] for known in sizes]))

    def seconds(self, series: int, max_batch: int) -> float:
        """Return the expected seconds for `series` series in batches of at most `max_batch`."""
        full, rest = divmod(series, max_batch)
        last = self.batch_seconds(rest) if rest else 0.0
        return full * self.batch_seconds(max_batch) + last
