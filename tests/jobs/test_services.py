"""A model's service that is killed in the middle of a job: each item is stored once."""

import signal
import time
from pathlib import Path

import pytest

from forecast.database.connection import Database
from tests.jobs.test_processes import (
    ITEMS,
    SETTINGS,
    ask,
    hand_over,
    held_in_the_middle,
    is_in_the_middle,
    require_each_item_once,
    wait_for,
)
from tests.jobs.test_routes import JOBS, many
from tests.server import run_server
from tests.setup.conftest import free_port


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


@pytest.mark.timeout(300)  # 20 s on a quiet host: three gateways start one after another
def test_a_job_goes_on_when_the_service_that_was_killed_is_back(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    place, port = int(free_port()), int(free_port())
    gateway = {
        "DATABASE_URL": database_url,
        "JOB_CHUNK_ITEMS": SETTINGS["JOB_CHUNK_ITEMS"],
        "MODEL_NAME": "all",
        "MODEL_SERVICE_URLS": f"fake=http://127.0.0.1:{place}",
        "INITIALIZE_ON_START": "none",
    }
    with run_server(folder(tmp_path, "gateway"), port, 1, **gateway) as server:
        held = held_in_the_middle(tmp_path)
        with run_server(folder(tmp_path, "first"), place, 1, **held) as service:
            job_id = hand_over(server)
            wait_for(server, job_id, is_in_the_middle)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait(30)
        done = ask(server, f"{JOBS}/{job_id}").json()["items_done"]
        refused = [ask(server, JOBS, many(1)) for _ in range(2)]
        assert {(one.status_code, one.json()["error"]) for one in refused} == {
            (503, "MODEL_SERVICE_UNAVAILABLE")
        }
        assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
        with run_server(folder(tmp_path, "second"), place, 1):
            back = time.monotonic()
            wait_for(server, job_id, lambda job: job["items_done"] > done)
            assert time.monotonic() - back < 60
            job = wait_for(server, job_id, lambda job: job["finished_at"] is not None)
    assert done < ITEMS
    require_each_item_once(database, job)
