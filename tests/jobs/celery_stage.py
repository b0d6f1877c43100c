"""A gateway's side of Celery's jobs, with workers in processes of their own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from forecast.database.connection import Database
from forecast.jobs.broker import Broker
from forecast.jobs.celery_runner import CeleryRunner
from forecast.jobs.claims import Claims
from forecast.jobs.creation import create_job
from forecast.jobs.desk import Jobs
from forecast.jobs.events import Event, read_events
from forecast.jobs.listing import read_job
from forecast.jobs.schemas import Job
from forecast.jobs.settings import JobSettings
from forecast.jobs.tables import job_chunks
from forecast.runs.settings import RunSettings
from tests.conftest import KEY, ROOT
from tests.jobs.conftest import make_ask, names
from tests.jobs.fake_work import FakeWork
from tests.jobs.written import read_stored
from tests.redis_server import RedisServer

PATIENCE_SECONDS = 90.0


class Stage:
    """One database and one broker; `lease` is in seconds, and a part takes a worker `seconds`."""

    def __init__(self, url: str, redis: RedisServer, folder: Path, *, lease: float = 2.0) -> None:
        self.url = url
        self.redis = redis
        self.folder = folder
        self._hold = folder / "hold"
        self.settings = JobSettings(
            job_runner="celery", celery_broker_url=redis.url, job_chunk_items=10, job_lease_seconds=lease
        )
        self.database = Database(url)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.runner: CeleryRunner | None = None

    def open_gateway(self) -> None:
        """Begin to hand out, as a gateway does that was started."""
        self.runner = CeleryRunner(Claims(self.database, self.settings), Broker(self.settings))
        self.desk = Jobs(self.database, FakeWork(), self.runner, self.settings, RunSettings())
        self.runner.start()

    def close_gateway(self) -> None:
        """Hand out nothing more."""
        if self.runner is not None:
            self.runner.stop()
            self.runner = None

    def create(self, items: int = 1000, client: str = "default", model: str = "fake") -> str:
        return create_job(self.desk, make_ask(names(items), client, model))

    def start_worker(self, *models: str, seconds: float = 0.01) -> subprocess.Popen[bytes]:
        """Start a worker, which takes some time to take its first part."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "API_SECRET_KEY": KEY,
            "ENV_FILE": "/nonexistent",
            "DATABASE_URL": self.url,
            "CELERY_BROKER_URL": self.redis.url,
            "JOB_LEASE_SECONDS": str(self.settings.job_lease_seconds),
            "LOG_DIR": str(self.folder / "logs"),
            "WORK_SECONDS": str(seconds),
            "WORK_HOLD": str(self._hold),
        }
        with (self.folder / f"worker-{len(self.workers)}").open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.chunk_worker", *(models or ("fake",))],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.workers.append(worker)
        return worker

    def hold_from(self, number: int) -> None:
        """Let the workers that are started from now on wait in all parts from a number on."""
        self._hold.write_text(str(number))

    def release(self) -> None:
        """Let the parts be computed that wait."""
        self._hold.unlink()

    def said(self, worker: subprocess.Popen[bytes]) -> str:
        """Return what a worker has said so far."""
        return (self.folder / f"worker-{self.workers.index(worker)}").read_text()

    def job(self, job_id: str, client: str = "default") -> Job:
        return read_job(self.database, client, job_id)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < deadline, self._tell()
            threading.Event().wait(0.02)

    def await_done(self, job_id: str, items: int) -> None:
        """Wait until so many items of a job are done."""
        self.until(lambda: self.job(job_id).items_done >= items)

    def await_end(self, job_id: str, client: str = "default") -> Job:
        """Return a job once it has ended."""
        self.until(lambda: self.job(job_id, client).finished_at is not None)
        return self.job(job_id, client)

    def stored(self, job_id: str) -> list[str]:
        """Return the items that are stored of a job, in their order."""
        return read_stored(self.database, job_id)

    def events(self, job_id: str) -> list[Event]:
        """Return what has happened to a job."""
        with self.database.read() as connection:
            return read_events(connection, job_id)

    def holders(self) -> list[int]:
        """Return the processes that hold a part."""
        held = select(job_chunks.c.worker).where(job_chunks.c.status == "running")
        with self.database.read() as connection:
            return [int(name.split("#")[0].split("/")[-2]) for name in connection.execute(held).scalars()]

    def end(self) -> None:
        """End what was started."""
        self.close_gateway()
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()
        self.database.close()

    def _tell(self) -> str:
        return "it did not become true\n" + "\n".join(self.said(worker)[-3000:] for worker in self.workers)
