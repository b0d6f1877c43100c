"""A thread that does something again and again, and goes on through outages."""

import logging
import threading
from collections.abc import Callable

from forecast.core.errors import BrokerUnavailableError, DatabaseUnavailableError

log = logging.getLogger(__name__)


class Rounds:
    """Calls `action` every so many seconds, and at once when woken; what it raises ends that round only."""

    def __init__(self, name: str, action: Callable[[], None], seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._outage: str | None = None
        self._thread = threading.Thread(target=self._go_on, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first round."""
        self._thread.start()

    def wake(self) -> None:
        """Have a round begun at once, or after the one that goes on."""
        self._woken.set()

    def stop(self) -> None:
        """Begin no further round, and wait for the one that goes on."""
        self._stopped.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _go_on(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                self._action()
                self._tell(None)
            except (BrokerUnavailableError, DatabaseUnavailableError) as error:
                self._tell(error.code)
            except Exception:
                # A fault of ours: the next round may be spared it.
                log.exception("rounds=%s failed=unexpected", self._thread.name)
            if self._outage is None:
                self._woken.wait(self._seconds)
            else:
                self._stopped.wait(self._seconds)  # no faster for those who wake it

    def _tell(self, outage: str | None) -> None:
        if outage == self._outage:
            return
        self._outage = outage
        if outage:
            log.warning("rounds=%s paused=%s", self._thread.name, outage)
        else:
            log.info("rounds=%s paused=none", self._thread.name)
