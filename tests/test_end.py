"""A real server that is told to end: readiness says so first, and no request is lost."""

import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.conftest import AUTHORIZED
from tests.core.conftest import PREFIX, REQUEST
from tests.ports import free_port
from tests.server import PATIENCE_SECONDS, Server, answers, run_server, until

DRAIN_SECONDS = "10"
"""What is asked of a server that is told to end has to be asked within that."""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_is_unready_then_takes_no_more_and_answers_what_it_has_taken(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    port = free_port()
    with (
        run_server(tmp_path, port, FAKE_HOLD=str(hold), DRAIN_SECONDS=DRAIN_SECONDS) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        hold.touch()
        asked = pool.submit(server.forecast)
        running = 'sapheneia_model_series_running{model="fake"} 1.0'
        until(lambda: running in server.get("/metrics").text, server.process, server.output)

        server.process.send_signal(signal.SIGTERM)

        until(lambda: answers(f"{server.url}/health/ready", 503), server.process, server.output)
        told = server.get("/health/ready")
        assert (told.status_code, told.json()["status"]) == (503, "draining")
        assert told.headers["connection"] == "close"
        assert server.get("/health/live").status_code == 200
        until(lambda: not listens(port), server.process, server.output)
        assert not asked.done()
        hold.unlink()
        assert asked.result().status_code == 200
        server.process.wait(PATIENCE_SECONDS)


def test_all_that_a_server_says_is_json_where_that_is_wanted(tmp_path: Path) -> None:
    with run_server(tmp_path, free_port(), LOG_FORMAT="json") as server:
        assert server.forecast(**{"X-Request-ID": "mine"}).status_code == 200
        server.process.terminate()
        server.process.wait(PATIENCE_SECONDS)
        lines = [json.loads(line) for line in server.output.read_text().splitlines()]
    assert lines == [json.loads(line) for line in (tmp_path / "logs/forecast.log").read_text().splitlines()]
    told = [line.get("message") for line in lines]
    assert told[0] == f"Started server process [{server.process.pid}]"
    assert told[-1] == f"Finished server process [{server.process.pid}]"
    (mine,) = [line for line in lines if line["request_id"] == "mine"]
    assert (mine["model"], mine["series"], mine["key"], mine["status"]) == ("fake", 1, "default", 200)


def test_no_request_is_lost_where_callers_heed_readiness(tmp_path: Path) -> None:
    with run_server(tmp_path, free_port(), DRAIN_SECONDS=DRAIN_SECONDS) as server:
        statuses = ask_until_unready(server, callers=4)
    assert set(statuses) == {200}
    assert len(statuses) > 40


def ask_until_unready(server: Server, callers: int) -> list[int]:
    """Return the statuses of all answers to callers that keep their connections; the server is to end."""
    unready = threading.Event()

    def ask() -> list[int]:
        statuses = []
        with httpx.Client(headers=AUTHORIZED, trust_env=False, timeout=30) as client:
            while not unready.is_set():
                answer = client.post(f"{server.url}{PREFIX}/inference", json=REQUEST)
                statuses.append(answer.status_code)
                if len(statuses) == 10:
                    busy.release()
        return statuses

    busy = threading.Semaphore(0)
    with ThreadPoolExecutor(callers) as pool:
        asking = [pool.submit(ask) for _ in range(callers)]
        for _ in range(callers):
            busy.acquire()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: answers(f"{server.url}/health/ready", 503), server.process, server.output)
        unready.set()
        return [status for each in asking for status in each.result()]
