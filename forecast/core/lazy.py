"""Models that are loaded by the first inference that needs them (LAZY_INITIALIZATION)."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

from anyio.to_thread import run_sync

from forecast.core.errors import AbandonedError, InitializingError, LoadingError, SapheneiaError
from forecast.core.lifecycle import ModelService
from forecast.core.load import Load, tellable
from forecast.core.schemas import InitializationRequest
from forecast.core.snapshot import Snapshot

RETRY_PAUSE_SECONDS = 5.0
"""How long a load that failed is not tried again."""

LONGEST_RETRY_AFTER_SECONDS = 30.0
_WAIT = re.compile(r'\s*wait\s*=\s*("?)(\d{1,9})\1\s*(?:;.*)?', re.IGNORECASE)


def preferred_wait(headers: Sequence[str]) -> int | None:
    """Return the N of the first `wait=N` in the values of the header `Prefer` (RFC 7240), or None."""
    preferences = [each for value in headers for each in value.split(",")]
    return next((int(found[2]) for each in preferences if (found := _WAIT.fullmatch(each))), None)


async def load_on_demand(service: ModelService[Any], seconds: float, gone: asyncio.Task[None]) -> None:
    """Return when the model is ready; unless it is being loaded, that begins, with its default settings.

    All callers wait for the same load, which goes on when they give up. Raises LoadingError when it has
    not ended within `seconds`, AbandonedError when `gone` has, the load's own error where it fails and
    for some seconds after, and NotInitializedError where one with settings of its own has failed.
    """
    until = time.monotonic() + seconds
    while (now := service.snapshot).ready is None:
        known = await _begin(service, now) if _may_begin(service, now) else now
        if known is None:
            continue
        error = await _wait(known.load, until, gone)
        if error is not None and not known.draining:
            if known.load.by_default:
                raise tellable(error)
            # What its settings said is for those to know who may load models.
            service.require_ready()


def _may_begin(service: ModelService[Any], now: Snapshot[Any]) -> bool:
    """Return whether a load may begin, False where one runs; raise the error of one that just failed."""
    if now.status == "uninitialized":
        return not now.draining
    if not now.load.ended.done():
        return False
    if not now.load.by_default:
        service.require_ready()
    left = now.load.ended_at + RETRY_PAUSE_SECONDS - time.monotonic()
    failure = now.load.ended.result()
    if failure is not None and left > 0:
        again = tellable(failure)
        again.retry_after = left
        raise again
    return True


async def _begin(service: ModelService[Any], now: Snapshot[Any]) -> Snapshot[Any] | None:
    try:
        return await run_sync(service.initialize, InitializationRequest(wait=False), now)
    except InitializingError:
        return None  # somebody else was faster


async def _wait(load: Load, until: float, gone: asyncio.Task[None]) -> SapheneiaError | None:
    """Return what the load ended in, or None where it ended well."""
    ended = asyncio.wrap_future(load.ended)
    try:
        either: set[asyncio.Future[Any]] = {ended, gone}
        left = max(0.0, until - time.monotonic())
        await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return ended.result()
        if gone.done():
            raise AbandonedError("The caller went away before the model was loaded.")
        loading = time.monotonic() - load.started
        raise LoadingError(
            f"The model has been loading for {loading:.0f} s and goes on; try again later, or wait longer.",
            retry_after=min(max(1.0, loading), LONGEST_RETRY_AFTER_SECONDS),
        )
    finally:
        ended.cancel()
