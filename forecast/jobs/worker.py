"""A process that computes parts of jobs which Celery hands it, one at a time."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from forecast.core.errors import DatabaseUnavailableError
from forecast.jobs.broker import Broker
from forecast.jobs.celery_app import TASK, queue_of
from forecast.jobs.claims import Chunk, Claims
from forecast.jobs.computing import run_chunk
from forecast.jobs.handing import top_up
from forecast.jobs.leases import BEAT_SECONDS, Leases
from forecast.jobs.rounds import Rounds
from forecast.runs.work import Work

log = logging.getLogger(__name__)

GRACE_SECONDS = 20.0
"""How long a part that is being computed at a SIGTERM may take before it is given back."""
_LETTING_GO_SECONDS = 2.0
_PAUSE_SECONDS = 1.0


class ChunkWorker:
    """Claims the parts it is told of, computes and stores them, and has further ones handed out."""

    def __init__(self, claims: Claims, work: Work, broker: Broker) -> None:
        self._claims = claims
        self._work = work
        self._leases = Leases(claims)
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._beats = Rounds("job-keeper", self._leases.beat, BEAT_SECONDS)
        self._handing = Rounds("job-handing", lambda: top_up(claims, broker), BEAT_SECONDS)

    def start(self) -> None:
        """Start what keeps the parts held here, and what hands out others."""
        self._beats.start()
        self._handing.start()

    def run(self, job_id: str, number: int) -> bool:
        """Compute a part unless it is done or held already, or nobody wants it; return whether it was.

        Waits for the database.
        """
        chunk = self._claim(job_id, number)
        self._handing.wake()
        if chunk is None:
            return False
        self._compute(chunk)
        self._handing.wake()
        return True

    def close(self) -> None:
        """Begin no further part, and give back what is not computed 20 seconds from now."""
        self._closing.set()
        threading.Thread(target=self._let_go, name="job-ending", daemon=True).start()

    def stop(self) -> None:
        """End what `start` started."""
        self._ended.set()
        self._handing.stop()
        self._beats.stop()

    def _compute(self, chunk: Chunk) -> None:
        started = time.monotonic()
        with self._leases.hold(chunk) as dropped:
            try:
                run_chunk(self._claims, self._work, chunk, dropped)
            except DatabaseUnavailableError:
                log.warning("job=%s part=%d left=undone reason=database", chunk.job_id, chunk.part.number)
                return  # its lease runs out
        seconds = time.monotonic() - started
        log.info(
            "job=%s part=%d items=%d seconds=%.2f", chunk.job_id, chunk.part.number, chunk.part.items, seconds
        )

    def _claim(self, job_id: str, number: int) -> Chunk | None:
        """Return a part that is to be computed here, once the database answers; None at this worker's end."""
        while not self._closing.is_set():
            try:
                return self._claims.take_one(job_id, number)
            except DatabaseUnavailableError:
                self._closing.wait(_PAUSE_SECONDS)
        return None

    def _let_go(self) -> None:
        if self._ended.wait(GRACE_SECONDS):
            return
        self._leases.drop_all()
        if self._ended.wait(_LETTING_GO_SECONDS):
            return
        try:
            self._leases.give_back()
        except DatabaseUnavailableError:
            log.warning("jobs=not_given_back reason=database")  # their leases run out


def serve(models: Sequence[str], claims: Claims, work: Work, broker: Broker) -> int:
    """Take parts of these models' jobs from the broker until a SIGTERM or SIGINT; return the exit code."""
    from celery import signals

    worker = ChunkWorker(claims, work, broker)
    broker.app.task(name=TASK)(worker.run)

    def close(**_: Any) -> None:
        worker.close()

    def tell(**_: Any) -> None:
        # Celery would start this process anew, as another program, when its terminal is closed.
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
        log.info("worker=ready models=%s", ",".join(models))

    def leave_logging(**_: Any) -> None:
        """Celery sets up no logging where somebody listens here."""

    signals.worker_shutting_down.connect(close)
    signals.worker_ready.connect(tell)
    signals.setup_logging.connect(leave_logging)
    worker.start()
    try:
        return _consume(broker.app, models)
    finally:
        worker.stop()


def _consume(app: Any, models: Sequence[str]) -> int:
    # Threads, for a model is loaded once in this process, and answers what Celery asks of it meanwhile.
    consumer = app.Worker(
        hostname=f"worker-{os.getpid()}@{socket.gethostname()}",
        queues=[queue_of(model_id) for model_id in models],
        pool="threads",
        concurrency=1,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    consumer.start()
    return int(consumer.exitcode or 0)
