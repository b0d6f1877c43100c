"""One load of a model, as those see it who wait for its end."""

import copy
import time
from concurrent.futures import Future

from forecast.core.errors import SapheneiaError


class Load:
    """Begins when it is made; `end` wakes all who wait for `ended`, and takes no thread of theirs.

    The result of `ended` is the error that the load ended in, or None; `ended_at` is when, on the monotonic
    clock. `by_default` is whether it was asked for without settings of its own.
    """

    def __init__(self, by_default: bool = False) -> None:
        self.by_default = by_default
        self.started = time.monotonic()
        self.ended_at = 0.0
        self.ended: Future[SapheneiaError | None] = Future()
        # From now on nobody who gives up waiting can cancel it for the others.
        self.ended.set_running_or_notify_cancel()

    def end(self, error: BaseException | None = None) -> None:
        """Tell everybody that it has ended, and in which error if in one."""
        self.ended_at = time.monotonic()
        self.ended.set_result(None if error is None else tellable(error))


def tellable(error: BaseException) -> SapheneiaError:
    """Return an error for one caller more; it keeps nothing of the failed load alive."""
    if isinstance(error, SapheneiaError):
        return copy.copy(error)
    return SapheneiaError(f"{type(error).__name__} while loading")
