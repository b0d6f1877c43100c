"""Sending the webhooks of jobs that have ended, for as long as the gateway runs."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from anyio import CancelScope, create_task_group, get_cancelled_exc_class, sleep
from anyio.to_thread import run_sync

from forecast.core.data.addresses import Resolve
from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.jobs.claims import utc_now
from forecast.jobs.webhooks.deliveries import Delivery, claim, give_back, settle
from forecast.jobs.webhooks.sending import Outcome, resolve_receiver, send
from forecast.jobs.webhooks.settings import WebhookSettings
from forecast.jobs.webhooks.signature import sign

log = logging.getLogger(__name__)

TYPE = "forecast-job.ended"
_AT_ONCE = 8
_PAUSE_SECONDS = 1.0
_OUTAGE_SECONDS = 5.0
_GRACE = timedelta(seconds=30)


class Deliverer:
    """Sends webhooks, several at once; any number of processes may do so on one database.

    Each is sent by one of them. What a process had begun when it ended is sent again under the same ID: at
    once where it could give that back, else when its lease has ended.
    """

    def __init__(
        self,
        database: Database,
        settings: WebhookSettings,
        resolve: Resolve = resolve_receiver,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._settings = settings
        self._resolve = resolve
        self._clock = clock
        self._busy = 0

    async def run(self) -> None:
        """Send whatever is to be sent, until this is cancelled."""
        async with create_task_group() as group:
            while True:
                try:
                    claimed = await run_sync(self._claim, _AT_ONCE - self._busy)
                except DatabaseUnavailableError:
                    # Every other part of the gateway tells of it too.
                    await sleep(_OUTAGE_SECONDS)
                    continue
                for delivery in claimed:
                    self._busy += 1
                    group.start_soon(self._deliver, delivery)
                await sleep(_PAUSE_SECONDS)

    def _claim(self, most: int) -> list[Delivery]:
        if most <= 0:
            return []
        lease = timedelta(seconds=self._settings.webhook_timeout_seconds) + _GRACE
        return claim(self._database, most, lease, self._clock())

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            outcome = await self._send(delivery)
            with CancelScope(shield=True):  # what is known is kept
                status = await run_sync(self._settle, delivery, outcome)
            log.info(
                "webhook=%s job=%s attempts=%s error=%r",
                status,
                delivery.job_id,
                delivery.attempts,
                outcome.error,
            )
        except get_cancelled_exc_class():
            with CancelScope(shield=True):
                await run_sync(self._give_back, delivery)
            raise
        except Exception:
            # Also where nobody foresaw it, the other webhooks go out; this one does when its lease has ended.
            log.exception("webhook=unsettled job=%s", delivery.job_id)
        finally:
            self._busy -= 1

    async def _send(self, delivery: Delivery) -> Outcome:
        body = write_body(delivery)
        headers = sign(delivery.secret, f"msg_{delivery.job_id}", self._clock(), body)
        return await send(delivery.url, headers, body, self._settings, self._resolve)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> str:
        return settle(self._database, delivery, outcome, self._settings.webhook_attempts, self._clock())

    def _give_back(self, delivery: Delivery) -> None:
        try:
            give_back(self._database, delivery, self._clock())
        except DatabaseUnavailableError:
            log.warning("webhook=not_given_back job=%s reason=database", delivery.job_id)


def write_body(delivery: Delivery) -> bytes:
    """Return what a webhook carries, which is the same in every attempt."""
    told = {"type": TYPE, "timestamp": delivery.job["finished_at"], "job": delivery.job}
    return json.dumps(told, separators=(",", ":")).encode()
