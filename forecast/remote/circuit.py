"""A circuit before a service: open while it cannot be reached, and tried again after a pause."""

import logging
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
    """What the calls of one service have shown; used on the event loop alone, so that it needs no lock."""

    def __init__(self, model_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._model_id = model_id
        self._clock = clock
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
        now, until = self._clock(), self._state.next_try
        if until is None:
            return
        if now < until:
            raise ServiceUnavailableError(
                f"The service of the model '{self._model_id}' was not reached; it is tried again shortly.",
                retry_after=until - now,
            )
        # Half open: this call finds out, and the next one may where it takes longer than the pause.
        self._state = _State(self._state.failures, now + PAUSE_SECONDS)

    def _fail(self) -> None:
        failures = self._state.failures + 1
        opens = failures >= FAILURES
        if opens and self._state.next_try is None:
            log.warning("model=%s circuit=open failures=%d", self._model_id, failures)
        self._state = _State(failures, self._clock() + PAUSE_SECONDS if opens else None)

    def _succeed(self) -> None:
        if self._state.next_try is not None:
            log.info("model=%s circuit=closed", self._model_id)
        self._state = _State()
