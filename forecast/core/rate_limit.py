"""Quotas a minute and a day, counted per key or else per address, in this process or in Redis."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.aio.strategies import RateLimiter as Strategy
from limits.errors import StorageError
from limits.storage import storage_from_string

from forecast.core.config import Settings
from forecast.core.errors import QuotaStoreError, RateLimitError
from forecast.core.principal import Principal
from forecast.core.security import Caller

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 2.0
_RETRY_SECONDS = 5.0

Scope = Literal["initialization", "inference", "data", "discovery"]
Period = Literal["minute", "day"]


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a caller's quota: told in the X-RateLimit-* headers."""

    limit: int
    remaining: int
    reset_at: int
    period: Period = "minute"

    def headers(self) -> dict[str, str]:
        """Return the headers that tell it; the reset is in seconds since the epoch."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


class RateLimiter:
    """Counts calls by scope and caller."""

    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.rate_limit_enabled
        storage = _storage(settings.rate_limit_storage_uri.get_secret_value())
        self._a_minute = MovingWindowRateLimiter(storage)
        # A window that moves would remember each of a day's calls.
        self._a_day = FixedWindowRateLimiter(storage)
        self._limits = {
            "initialization": settings.rate_limit_initialization_per_minute,
            "inference": settings.rate_limit_inference_per_minute,
            "data": settings.rate_limit_data_per_minute,
            "discovery": settings.rate_limit_per_minute,
        }

    async def count(self, scope: Scope, caller: Principal | str) -> tuple[bool, Quota] | None:
        """Count one call; return whether it is within the quotas and what is left, None where none counts.

        What is left is that of a minute; of a day where that is used up. Raises QuotaStoreError where the
        store of the counts does not answer.
        """
        name = caller.counted if isinstance(caller, Principal) else caller
        if not self._enabled or name is None:
            return None
        first: tuple[bool, Quota] | None = None
        for strategy, item, period in self._quotas(scope, caller):
            allowed, quota = await self._hit(strategy, item, period, (scope, name))
            if not allowed:
                return False, quota
            first = first or (True, quota)
        return first

    def _quotas(
        self, scope: Scope, caller: Principal | str
    ) -> Iterator[tuple[Strategy, RateLimitItem, Period]]:
        a_minute, a_day = self._limits[scope], None
        if scope == "data" and not isinstance(caller, Principal):
            a_minute = self._limits["discovery"]  # or keys could be guessed faster by these routes
        if isinstance(caller, Principal) and scope == "inference":
            a_minute, a_day = caller.inferences_per_minute or a_minute, caller.inferences_per_day
        yield self._a_minute, RateLimitItemPerMinute(a_minute), "minute"
        if a_day is not None:
            yield self._a_day, RateLimitItemPerDay(a_day), "day"

    async def _hit(
        self, strategy: Strategy, item: RateLimitItem, period: Period, names: tuple[str, str]
    ) -> tuple[bool, Quota]:
        try:
            allowed = await strategy.hit(item, *names)
            window = await strategy.get_window_stats(item, *names)
        except StorageError as error:
            log.warning("quota_store=unreachable cause=%s", type(error.storage_error).__name__)
            told = "The quotas cannot be counted at the moment; try again shortly."
            raise QuotaStoreError(told, retry_after=_RETRY_SECONDS) from error
        return allowed, Quota(item.amount, window.remaining, int(window.reset_time), period)


def _storage(uri: str) -> Storage:
    if not uri.startswith("redis"):
        return cast(Storage, storage_from_string(f"async+{uri}"))
    return cast(
        Storage,
        storage_from_string(
            f"async+{uri}",
            implementation="redispy",
            wrap_exceptions=True,
            socket_connect_timeout=_PATIENCE_SECONDS,
            socket_timeout=_PATIENCE_SECONDS,
        ),
    )


def limit(scope: Scope) -> Callable[[Request, Caller], Awaitable[None]]:
    """Return a dependency that counts a call and raises RateLimitError beyond the quota."""

    async def check(request: Request, caller: Caller) -> None:
        limiter: RateLimiter = request.app.state.rate_limiter
        counted = await limiter.count(scope, caller)
        if counted is None:
            return
        allowed, quota = counted
        request.state.quota = quota
        if not allowed:
            wait = max(1, quota.reset_at - int(time.time()))
            raise RateLimitError(
                f"You may make {quota.limit} {scope} calls a {quota.period}; try again in {wait} s.",
                details={"quota": f"{scope} per {quota.period}", "limit": quota.limit},
                retry_after=wait,
            )

    return check
