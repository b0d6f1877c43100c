"""Fetching over the network on a thread and an event loop of its own, which counts what arrives."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Generic, TypeVar, cast

import anyio
from anyio import to_thread

from forecast.core.errors import DataError, TooLargeError

T = TypeVar("T")
# What answers take beside the content: headers, errors, tokens.
_OVERHEAD = 1 << 20
_GRACE = 0.1
_SIMULTANEOUS = 8


class MeteredLoop(asyncio.SelectorEventLoop):
    """An event loop on which no more bytes arrive than are expected; then its work is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.received = 0
        self.work: asyncio.Task[Any] | None = None
        self._credit = _OVERHEAD

    def expect(self, count: int) -> None:
        """Let this many bytes arrive, and as many again: a library may ask a second time."""
        self._credit += 2 * count

    @property
    def overrun(self) -> bool:
        """Whether more has arrived than was expected."""
        return self.received > self._credit

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Connect as any loop does, and count what the connection delivers."""
        transport, protocol = await super().create_connection(*args, **options)
        deliver: Callable[[bytes], None] = protocol.data_received

        def metered(data: bytes) -> None:
            self.received += len(data)
            if not self.overrun:
                deliver(data)
                return
            transport.abort()
            if self.work is not None:
                # Not at once: who reads from the connection is first to see that it broke off.
                self.call_later(_GRACE, self.work.cancel)

        protocol.data_received = metered
        return transport, protocol


class _Transfer(Generic[T]):
    """Work that one thread does on a loop of its own, and another may stop."""

    def __init__(self, work: Callable[[MeteredLoop], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._loop: MeteredLoop | None = None
        self._stopped = False

    def run(self) -> T:
        with asyncio.Runner(loop_factory=MeteredLoop) as runner:
            return runner.run(self._begin())

    async def _begin(self) -> T:
        loop = cast(MeteredLoop, asyncio.get_running_loop())
        loop.work = asyncio.current_task()
        with self._lock:
            if self._stopped:
                raise asyncio.CancelledError
            self._loop = loop
        try:
            return await self._work(loop)
        except (asyncio.CancelledError, DataError):
            if loop.overrun:
                raise TooLargeError("The store delivers more than it was asked for.") from None
            raise
        finally:
            with self._lock:
                self._loop = None

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._loop.work is not None:
                self._loop.call_soon_threadsafe(self._loop.work.cancel)


async def transfer(work: Callable[[MeteredLoop], Coroutine[Any, Any, T]], seconds: float) -> T:
    """Return what work on a loop of its own comes to.

    Raises TimeoutError when it has not ended after so many seconds, TooLargeError where more bytes arrive
    than it expects. Work that is given up is cancelled; what blocks its thread does not block the caller.
    """
    begun = _Transfer(work)
    try:
        with anyio.fail_after(seconds):
            return await to_thread.run_sync(begun.run, abandon_on_cancel=True, limiter=_limiter())
    finally:
        begun.stop()


@cache
def _limiter() -> anyio.CapacityLimiter:
    """Return what keeps slow stores from taking all the threads that tables are parsed in."""
    return anyio.CapacityLimiter(_SIMULTANEOUS)
