"""A worker of fake work, as scripts.worker starts one: `python -m tests.jobs.chunk_worker MODEL …`.

A part takes WORK_SECONDS. Those from the number on that stands in the file WORK_HOLD wait while it is there.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from forecast.core.config import Settings
from forecast.core.errors import AbandonedError
from forecast.database.connection import Database
from forecast.jobs.broker import Broker
from forecast.jobs.claims import Claims
from forecast.jobs.settings import JobSettings
from forecast.jobs.worker import serve
from forecast.runs.work import Ask, Part
from scripts.worker import configure_worker_logging
from tests.jobs.fake_work import FakeWork


def take_time(_: Ask, part: Part, cancelled: Callable[[], bool]) -> None:
    time.sleep(float(os.environ["WORK_SECONDS"]))
    while part.number >= _first_held():
        time.sleep(0.01)
        if cancelled():
            raise AbandonedError("It is not wanted any more.")


def _first_held() -> float:
    try:
        return int(Path(os.environ["WORK_HOLD"]).read_text())
    except FileNotFoundError:
        return math.inf


if __name__ == "__main__":
    settings, limits = Settings(), JobSettings()
    configure_worker_logging(settings)
    database = Database(settings.database_url.get_secret_value())
    sys.exit(serve(sys.argv[1:], Claims(database, limits), FakeWork(take_time), Broker(limits)))
