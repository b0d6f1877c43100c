"""Jobs computed by threads of the gateway's own processes, as many processes as share the database."""

import logging
import threading
import time

from forecast.core.errors import DatabaseUnavailableError
from forecast.jobs.claims import Claims
from forecast.jobs.computing import run_chunk
from forecast.jobs.leases import BEAT_SECONDS, Leases
from forecast.runs.work import Work

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How long a job of another process waits at the most for an idle worker."""
_GRACE_SECONDS = 2.0


class EmbeddedRunner:
    """Threads that claim parts of jobs, and one that keeps what they hold.

    While the database does not answer they pause.
    """

    name = "embedded"

    def __init__(self, claims: Claims, work: Work, models: list[str]) -> None:
        self._claims = claims
        self._work = work
        self._models = models
        self._leases = Leases(claims)
        self._closing = threading.Event()
        self._stopped = threading.Event()
        self._woken = threading.Condition()
        self._calls = 0
        self._paused = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, which begin with what was left undone."""
        workers = self._claims.settings.job_workers
        if not workers:
            return
        names = [f"job-{number}" for number in range(1, workers + 1)]
        self._threads = [threading.Thread(target=self._compute, name=name, daemon=True) for name in names]
        self._threads.append(threading.Thread(target=self._keep, name="job-keeper", daemon=True))
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Return: the workers are here."""

    def hand_out(self, job_id: str) -> None:
        """Wake the workers; those of other processes look for themselves."""
        self._wake()

    def _wake(self) -> None:
        with self._woken:
            self._calls += 1
            self._woken.notify_all()

    def close(self) -> None:
        """Begin no further part."""
        self._closing.set()
        self._wake()

    def stop(self) -> None:
        """End the threads; what they compute is given back, also where a model goes on with it."""
        self.close()
        self._leases.drop_all()
        deadline = time.monotonic() + _GRACE_SECONDS
        *workers, keeper = self._threads or [threading.Thread()]
        for thread in workers:
            thread.join(max(0.0, deadline - time.monotonic()))
        try:
            self._leases.give_back()
        except DatabaseUnavailableError:
            log.warning("jobs=not_given_back reason=database")  # their leases run out
        self._stopped.set()
        if keeper.ident is not None:
            keeper.join()

    def _compute(self) -> None:
        while not self._closing.is_set():
            calls = self._calls
            try:
                if self._compute_one():
                    continue
            except DatabaseUnavailableError:
                self._tell_pause()
            except Exception:
                # A fault of ours: the other jobs must not wait for ever.
                log.exception("jobs=interrupted")
            self._wait(calls)

    def _compute_one(self) -> bool:
        chunk = self._claims.take(self._models)
        self._tell_resumption()
        if chunk is None:
            return False
        with self._leases.hold(chunk) as dropped:
            if self._closing.is_set():
                dropped.set()  # nobody tells those that come so late
            run_chunk(self._claims, self._work, chunk, dropped)
        return True

    def _wait(self, calls: int) -> None:
        with self._woken:
            self._woken.wait_for(lambda: self._closing.is_set() or self._calls != calls, POLL_SECONDS)

    def _keep(self) -> None:
        taken_over = False
        while not self._stopped.wait(BEAT_SECONDS if taken_over else 0.0):
            try:
                if not taken_over and self._claims.take_over():
                    self._wake()
                taken_over = True
                self._leases.beat()
            except DatabaseUnavailableError:
                self._tell_pause()
                self._stopped.wait(BEAT_SECONDS)
            except Exception:
                log.exception("jobs=unkept")
                self._stopped.wait(BEAT_SECONDS)

    def _tell_pause(self) -> None:
        if not self._paused:
            self._paused = True
            log.warning("jobs=paused reason=database")

    def _tell_resumption(self) -> None:
        if self._paused:
            self._paused = False
            log.info("jobs=resumed")
