"""Who hands out the parts of jobs."""

import asyncio
from typing import Protocol

from forecast.database.connection import Database
from forecast.jobs.broker import Broker
from forecast.jobs.celery_runner import CeleryRunner
from forecast.jobs.claims import Claims
from forecast.jobs.embedded import EmbeddedRunner
from forecast.jobs.settings import JobSettings
from forecast.runs.work import Work


class Runner(Protocol):
    """Has jobs computed, here or elsewhere; every method but `hand_out` and `close` may block."""

    @property
    def name(self) -> str:
        """What it is called in JOB_RUNNER."""

    def start(self) -> None:
        """Begin, also with what was left undone before; the database need not answer."""

    def check(self) -> None:
        """Raise BrokerUnavailableError, in two seconds at the most, where no job can be handed out now."""

    def hand_out(self, job_id: str) -> None:
        """Have a job begun that was just written down; what is lost on the way is found by itself."""

    def close(self) -> None:
        """Begin nothing more."""

    def stop(self) -> None:
        """End, and give back what is not done."""


def make_runner(settings: JobSettings, database: Database, work: Work, models: list[str]) -> Runner:
    """Return the runner that JOB_RUNNER names, for the models that this process serves."""
    claims = Claims(database, settings)
    if settings.job_runner == "celery":
        return CeleryRunner(claims, Broker(settings))
    return EmbeddedRunner(claims, work, models)


async def close_when_signalled(runner: Runner, signalled: asyncio.Event) -> None:
    """Let a runner begin nothing more once the process is told to end: what it computes has the drain."""
    await signalled.wait()
    runner.close()
