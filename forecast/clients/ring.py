"""The keys that were used lately, so that not every request asks the database."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from forecast.clients.keys import hash_key
from forecast.clients.schemas import Key
from forecast.clients.service import find_key
from forecast.core.errors import AuthenticationError, DatabaseUnavailableError
from forecast.core.principal import Principal
from forecast.database.connection import RETRY_SECONDS, Database

FRESH_SECONDS = 5.0
"""How long a key is taken for what it was; so long another process may still accept a revoked one."""
OUTAGE_SECONDS = 3600.0
"""How long a key goes on working while the database cannot be reached."""
_MOST_KEYS = 10_000
_MOST_LOOK_UPS = 8


@dataclass(frozen=True, slots=True)
class _Known:
    key: Key
    at: float


class KeyRing:
    """The keys of a database, as they were a few seconds ago; safe to use from many threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._revocations = 0
        self._out_until = float("-inf")
        self._limiter: CapacityLimiter | None = None

    async def find(self, given: str) -> Principal:
        """Return who calls with a key; the database is asked in a thread.

        Raises AuthenticationError where nobody does, DatabaseUnavailableError where the database cannot be
        reached and the key was not used within the last hour.
        """
        key_hash = hash_key(given)
        key = self._fresh(key_hash)
        if key is None:
            # Of its own, so that guessing keys takes no thread from the forecasts.
            self._limiter = self._limiter or CapacityLimiter(_MOST_LOOK_UPS)
            key = await run_sync(self._look_up, key_hash, limiter=self._limiter)
        if key is None:
            raise AuthenticationError("The API key is wrong.")
        if not key.holds(datetime.now(UTC)):
            raise AuthenticationError("The API key was revoked or has expired.")
        return key.principal()

    def forget(self, key_id: str) -> None:
        """Ask the database for a key again, which was revoked."""
        with self._lock:
            self._revocations += 1
            for key_hash in [name for name, known in self._known.items() if known.key.key_id == key_id]:
                del self._known[key_hash]

    def _fresh(self, key_hash: str) -> Key | None:
        with self._lock:
            known = self._known.get(key_hash)
            if known is None or self._clock() >= known.at + self._patience():
                return None
            self._known.move_to_end(key_hash)
            return known.key

    def _patience(self) -> float:
        """Return for how many seconds a key is known: longer while the database is out."""
        return OUTAGE_SECONDS if self._clock() < self._out_until else FRESH_SECONDS

    def _look_up(self, key_hash: str) -> Key | None:
        # Another thread may have looked it up while this one waited.
        key = self._fresh(key_hash)
        if key is not None:
            return key
        if self._clock() < self._out_until:
            raise _outage()
        revocations = self._revocations
        try:
            with self._database.read() as connection:
                key = find_key(connection, key_hash)
        except DatabaseUnavailableError:
            self._out_until = self._clock() + RETRY_SECONDS
            key = self._fresh(key_hash)
            if key is None:
                raise
            return key
        self._keep(key_hash, key, revocations)
        return key

    def _keep(self, key_hash: str, key: Key | None, revocations: int) -> None:
        with self._lock:
            self._known.pop(key_hash, None)
            # What was read before a key was revoked may be that key as it was.
            if key is not None and revocations == self._revocations:
                self._known[key_hash] = _Known(key, self._clock())
            while len(self._known) > _MOST_KEYS:
                self._known.popitem(last=False)


def _outage() -> DatabaseUnavailableError:
    told = "The database, which knows the keys, does not answer at the moment; try again shortly."
    return DatabaseUnavailableError(told, retry_after=RETRY_SECONDS)
