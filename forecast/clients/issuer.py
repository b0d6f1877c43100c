"""The public keys that an issuer signs tokens with, fetched when they are first needed."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from forecast.core.errors import IssuerUnavailableError

if TYPE_CHECKING:
    from jwt import PyJWK

log = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
"""How long keys are taken for the issuer's."""
STALE_SECONDS = 3600.0
"""How long they go on while the issuer cannot be reached."""
PAUSE_SECONDS = 10.0
"""How often the issuer is asked at most, however many tokens name keys that it has not."""
_FETCH_SECONDS = 3.0


class Issuer:
    """One issuer's keys by their IDs; used on the event loop alone."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._asking = asyncio.Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._reached = False

    async def find_key(self, key_id: str) -> "PyJWK | None":
        """Return a key, or None where the issuer has none of this ID.

        Raises IssuerUnavailableError where its keys cannot be fetched.
        """
        if self._wants(key_id):
            async with self._asking:
                if self._wants(key_id):  # all that waited are served by one answer
                    await self._fetch()
        key = self._keys.get(key_id)
        stale = self._clock() >= self._fetched_at + STALE_SECONDS
        if stale or (key is None and not self._reached):  # then it may be a new one
            wait = max(1.0, self._tried_at + PAUSE_SECONDS - self._clock())
            told = "The keys that tokens are checked with cannot be fetched at the moment; try again shortly."
            raise IssuerUnavailableError(told, retry_after=wait)
        return key

    def _wants(self, key_id: str) -> bool:
        now = self._clock()
        if now < self._tried_at + PAUSE_SECONDS:
            return False
        return key_id not in self._keys or now >= self._fetched_at + FRESH_SECONDS

    async def _fetch(self) -> None:
        from jwt import PyJWKClientError, PyJWKSetError

        try:
            self._keys = await run_sync(self._read)
        except (PyJWKClientError, PyJWKSetError, ValueError, OSError) as error:
            # Those that are known go on.
            log.warning("issuer=unreachable cause=%s", type(error).__name__)
            self._reached = False
        else:
            self._fetched_at = self._clock()
            self._reached = True
        self._tried_at = self._clock()

    def _read(self) -> "dict[str, PyJWK]":
        from jwt import PyJWKClient

        client = PyJWKClient(self._url, cache_jwk_set=False, timeout=_FETCH_SECONDS)
        return {str(key.key_id): key for key in client.get_signing_keys()}
