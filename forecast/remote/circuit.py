"""A circuit before a service: open while it cannot be reached, and tried again after a pause."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from forecast.core.errors import ServiceUnavailableError

log = logging.getLogger(__name__)

FAILURES = 3
"""How many calls in a row fail before the circuit opens."""
PAUSE_SECONDS = 5.0
"""How long an open circuit waits before it lets one call through."""


@dataclass(frozen=True, slots=True)
class _State:
    failures: int = 0
    next_try: float | None = None  # on the clock; None while the circuit is closed


class Circuit:
    """What the calls of one service have shown, those of the event loop and those of threads."""

    def __init__(self, model_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.model_id = model_id
        self._clock = clock
        self._lock = threading.Lock()  # never held while anything is waited for
        self._state = _State()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Let one call through, and learn from its end whether the service can be reached.

        While the circuit is open, one call is let through after each pause; all others raise
        ServiceUnavailableError at once. A call that is given up shows nothing.
        """
        self._enter()
        try:
            yield
        except ServiceUnavailableError:
            self._fail()
            raise
        self._succeed()

    def _enter(self) -> None:
        with self._lock:
            now, until = self._clock(), self._state.next_try
            if until is None:
                return
            if now >= until:
                # Half open: this call finds out, and the next one may where it takes longer than the pause.
                self._state = _State(self._state.failures, now + PAUSE_SECONDS)
                return
        raise ServiceUnavailableError(
            f"The service of the model '{self.model_id}' was not reached; it is tried again shortly.",
            retry_after=until - now,
        )

    def _fail(self) -> None:
        with self._lock:
            before, failures = self._state, self._state.failures + 1
            opens = failures >= FAILURES
            self._state = _State(failures, self._clock() + PAUSE_SECONDS if opens else None)
        if opens and before.next_try is None:
            log.warning("model=%s circuit=open failures=%d", self.model_id, failures)

    def _succeed(self) -> None:
        with self._lock:
            before, self._state = self._state, _State()
        if before.next_try is not None:
            log.info("model=%s circuit=closed", self.model_id)
