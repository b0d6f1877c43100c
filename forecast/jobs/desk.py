"""What jobs are written down and handed out with, in one gateway process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecast.core.config import Settings
from forecast.core.lifecycle import ModelService
from forecast.database.connection import Database
from forecast.jobs.claims import Clock, utc_now
from forecast.jobs.runner import Runner, make_runner
from forecast.jobs.settings import JobSettings
from forecast.remote.place import Place
from forecast.runs.run import RunWork
from forecast.runs.settings import RunSettings
from forecast.runs.work import Work


@dataclass(frozen=True, slots=True)
class Jobs:
    """Where jobs are kept, who computes them, and what is asked for where a body does not say."""

    database: Database
    work: Work
    runner: Runner
    settings: JobSettings
    limits: RunSettings
    clock: Clock = utc_now


def open_desk(
    settings: Settings,
    limits: RunSettings,
    database: Database,
    services: Mapping[str, ModelService[Any]],
    places: Mapping[str, Place],
) -> Jobs:
    """Return what the gateway's jobs need; its runner is still to be started."""
    own = JobSettings()
    work = RunWork(settings, limits, database, services, places)
    runner = make_runner(own, database, work, [*services, *places])
    return Jobs(database, work, runner, own, limits)
