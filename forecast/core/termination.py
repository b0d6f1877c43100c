"""The end of the process: callers are sent elsewhere first, and no load is waited for.

A server that is told to end lets open requests be answered before it ends the app, and one of them may wait
for a download of minutes. It also takes no new ones from then on, before anybody else can know.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from anyio import CapacityLimiter, sleep
from anyio.to_thread import run_sync

from forecast.core.lifecycle import ModelService

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PAUSE_SECONDS = 0.1


@asynccontextmanager
async def ended_by_signal(drain_seconds: float = 0.0) -> AsyncIterator[asyncio.Event]:
    """Yield what is set once the process is told to end; the server's own handlers are called as well.

    They are called `drain_seconds` later for the first SIGTERM, until which requests are taken as ever, and
    at once for all else. Only the main thread is told; in another one it is never set.
    """
    signalled = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield signalled
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def pass_on(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def tell(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(signalled.set)
        if number == signal.SIGTERM and drain_seconds and not signalled.is_set():
            loop.call_soon_threadsafe(loop.call_later, drain_seconds, pass_on, number, None)
        else:
            pass_on(number, frame)

    chained = [number for number, handler in before.items() if callable(handler)]
    for number in chained:
        signal.signal(number, tell)
    try:
        yield signalled
    finally:
        for number in chained:
            signal.signal(number, before[number])


async def end_loads(services: Collection[ModelService[Any]], signalled: asyncio.Event) -> None:
    """Once `signalled`, end every load that runs or begins, until this is cancelled."""
    await signalled.wait()
    # The threads that requests run in may all be waiting.
    own = CapacityLimiter(1)
    while True:
        for service in services:
            if service.snapshot.status == "initializing":
                await run_sync(service.shutdown, limiter=own)
        await sleep(_PAUSE_SECONDS)
