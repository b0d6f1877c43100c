"""How long a model takes for a batch, learned from the batches it has computed."""

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

_WEIGHT_OF_THE_NEWEST = 0.3
_MOST_KEYS = 256


class Pace:
    """Seconds per batch, by what its tasks have in common and by its size.

    Not thread-safe, guarded by its owner's lock. The first batch is not learned from: it pages weights in.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, dict[int, float]] = OrderedDict()
        self._cold = True

    def learn(self, key: Hashable, size: int, seconds: float) -> None:
        """Note that a batch of `size` series took `seconds`."""
        if self._cold:
            self._cold = False
            return
        sizes = self._known.setdefault(key, {})
        self._known.move_to_end(key)
        before = sizes.get(size, seconds)
        sizes[size] = before + _WEIGHT_OF_THE_NEWEST * (seconds - before)
        if len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)

    def knows(self, key: Hashable) -> bool:
        """Return whether a batch of this key has been learned from."""
        return key in self._known

    def batch_seconds(self, key: Hashable, size: int) -> float:
        """Return the expected seconds for one batch; 0 as long as nothing is known.

        A key that was never seen is taken to be like the one that was computed last, and a size beyond those
        seen to take so much longer.
        """
        if not self._known:
            return 0.0
        known = self._known.get(key) or next(reversed(self._known.values()))
        sizes = sorted(known)
        found = float(np.interp(size, sizes, [known[one] for one in sizes]))
        return found * max(1.0, size / sizes[-1])

    def seconds(self, key: Hashable, count: int, most: int) -> float:
        """Return the expected seconds for so many series of a key, in batches of at most `most`."""
        full, rest = divmod(count, most)
        return full * self.batch_seconds(key, most) + (self.batch_seconds(key, rest) if rest else 0.0)
