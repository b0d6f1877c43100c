"""Removing the answers that were kept long enough."""

import logging

from anyio import sleep
from anyio.to_thread import run_sync

from forecast.core.errors import DatabaseUnavailableError
from forecast.idempotency.keys import Keys

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 600.0


async def sweep_always(keys: Keys) -> None:
    """Remove them every few minutes, until this is cancelled; may begin before the database answers."""
    while True:
        await sleep(_PAUSE_SECONDS)
        await run_sync(_sweep, keys)


def _sweep(keys: Keys) -> None:
    try:
        removed = keys.sweep()
    except DatabaseUnavailableError:
        log.warning("idempotency=unswept")
        return
    if removed:
        log.info("idempotency=swept keys=%s", removed)
