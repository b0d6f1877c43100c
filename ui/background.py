"""One event loop in one thread, for the calls that go on while the page answers its visitors."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Background:
    """Runs coroutines; those that were started can be cancelled by the name they were given."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._started: dict[str, Future[Any]] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="background", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns, or raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Let a coroutine run on; `cancel` and `runs` know it by its name until it ends."""
        with self._lock:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._started[name] = future
        future.add_done_callback(lambda _: self._forget(name, future))

    def runs(self, name: str) -> bool:
        """Return whether the coroutine that was started under a name has not ended."""
        with self._lock:
            return name in self._started

    def cancel(self, name: str) -> None:
        """Cancel what was started under a name, if it has not ended."""
        with self._lock:
            future = self._started.get(name)
        if future is not None:
            future.cancel()

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel everything, then run `last`, and end the thread."""
        self.wait(_drain())
        self.wait(last)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _forget(self, name: str, future: Future[Any]) -> None:
        with self._lock:
            if self._started.get(name) is future:
                del self._started[name]
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("background=%s failed=unexpected", name, exc_info=error)


async def _drain() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
