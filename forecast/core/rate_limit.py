"""Quotas a minute, counted per key or else per address, in this process or in Redis."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from forecast.core.config import Settings
from forecast.core.errors import QuotaStoreError, RateLimitError
from forecast.core.security import Caller

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 2.0
_RETRY_SECONDS = 5.0

Scope = Literal["initialization", "inference", "discovery"]


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a caller's quota: told in the X-RateLimit-* headers."""

    limit: int
    remaining: int
    reset_at: int

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
        self._strategy = MovingWindowRateLimiter(_storage(settings.rate_limit_storage_uri.get_secret_value()))
        self._limits = {
            "initialization": RateLimitItemPerMinute(settings.rate_limit_initialization_per_minute),
            "inference": RateLimitItemPerMinute(settings.rate_limit_inference_per_minute),
            "discovery": RateLimitItemPerMinute(settings.rate_limit_per_minute),
        }

    async def count(self, scope: Scope, caller: str) -> tuple[bool, Quota] | None:
        """Count one call; return whether it is within the quota and what is left, None when switched off.

        Raises QuotaStoreError where the store of the counts does not answer.
        """
        if not self._enabled:
            return None
        limit = self._limits[scope]
        try:
            allowed = await self._strategy.hit(limit, scope, caller)
            window = await self._strategy.get_window_stats(limit, scope, caller)
        except StorageError as error:
            log.warning("quota_store=unreachable cause=%s", type(error.storage_error).__name__)
            told = "The quotas cannot be counted at the moment; try again shortly."
            raise QuotaStoreError(told, retry_after=_RETRY_SECONDS) from error
        return allowed, Quota(limit.amount, window.remaining, int(window.reset_time))


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
                f"You may make {quota.limit} {scope} calls a minute; try again in {wait} s.", retry_after=wait
            )

    return check
