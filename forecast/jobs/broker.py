"""The broker between the gateway and Celery's workers; every method blocks for two seconds at the most."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from forecast.core.errors import BrokerUnavailableError
from forecast.jobs.celery_app import TASK, make_celery, queue_of
from forecast.jobs.settings import JobSettings

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
_DOWN = "The queue of jobs does not answer at the moment; try again shortly."


class Broker:
    """Puts parts of jobs into the queues of their models; thread-safe.

    Every method raises BrokerUnavailableError while it cannot be reached.
    """

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings

    @cached_property
    def app(self) -> Any:
        """The Celery app, made at its first use."""
        return make_celery(self._settings)

    def check(self) -> None:
        """Return where it answers."""
        self.count_waiting("any")

    def send(self, model_id: str, job_id: str, number: int) -> None:
        """Let any worker of a model compute a part."""
        with self._connect() as connection, connection.Producer() as producer:
            self.app.send_task(
                TASK, args=(job_id, number), queue=queue_of(model_id), producer=producer, retry=False
            )

    def count_waiting(self, model_id: str) -> int:
        """Return how many parts of a model no worker has taken yet."""
        with self._connect() as connection:
            declared = connection.default_channel.queue_declare(queue_of(model_id), passive=False)
            return int(declared.message_count)

    def close(self) -> None:
        """Close the connections."""
        if "app" in self.__dict__:
            self.app.close()

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        from kombu.exceptions import OperationalError

        connection = self.app.pool.acquire(block=True)
        try:
            connection.ensure_connection(max_retries=0)
            yield connection
        except (
            OperationalError,
            OSError,
            *connection.connection_errors,
            *connection.channel_errors,
        ) as error:
            connection.collect()  # the next one who gets it connects anew
            log.debug("broker=unreachable cause=%s", type(error).__name__)
            raise BrokerUnavailableError(_DOWN, retry_after=RETRY_SECONDS) from error
        finally:
            connection.release()
