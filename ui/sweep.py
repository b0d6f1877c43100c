"""Removing what visitors left when its lifetime is over, here and at the gateway."""

import asyncio
import logging

from ui.api_client import Gateway
from ui.errors import GatewayError
from ui.store import Kind, Store

_PAUSE_SECONDS = 600.0
# A proxy in front of a gateway that is down answers 502 or 504; a key that is refused counts as 502.
_PASSES = (429, 502, 503, 504)
log = logging.getLogger(__name__)


async def sweep_again_and_again(store: Store, gateway: Gateway) -> None:
    """Sweep every ten minutes, until cancelled."""
    while True:
        await sweep(store, gateway)
        await asyncio.sleep(_PAUSE_SECONDS)


async def sweep(store: Store, gateway: Gateway) -> None:
    """Remove what has expired, with its uploads; where the gateway is down or busy it waits."""
    for kind, folder in list(store.expired()):
        for path in _uploads(store, kind, folder):
            try:
                await gateway.forget(path)
            except GatewayError as error:
                log.warning("upload=%s forgotten=no code=%s", path, error.code)
                if error.status in _PASSES:
                    return
        store.remove(kind, folder)


def _uploads(store: Store, kind: Kind, folder: str) -> list[str]:
    if kind == "tables":
        found = store.read(kind, folder, "table")["upload"] if store.has(kind, folder, "table") else None
        return [found] if found else []
    return list(store.read(kind, folder, "run")["paths"].values()) if store.has(kind, folder, "run") else []
