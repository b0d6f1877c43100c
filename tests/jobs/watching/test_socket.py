import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from forecast.database.connection import Database
from forecast.jobs.watching import handshake
from tests.conftest import AUTHORIZED, KEY
from tests.jobs.test_routes import until
from tests.jobs.watching.conftest import ServeJobs
from tests.jobs.watching.reading import read_all
from tests.jobs.written import change, end_job, run_job, write_job
from tests.server import run_server
from tests.setup.conftest import free_port


@contextmanager
def open_socket(host: str, job_id: str, query: str = "", **more: Any) -> Iterator[ClientConnection]:
    given = {"additional_headers": AUTHORIZED, "proxy": None, "open_timeout": 60} | more
    with connect(f"ws://{host}/api/v1/ws/jobs/{job_id}{query}", **given) as socket:
        yield socket


def receive(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=30))


def receive_all(socket: ClientConnection) -> tuple[list[Any], int, str]:
    """Return the messages until the server closes, with which code and why."""
    messages = []
    while True:
        try:
            messages.append(receive(socket))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return messages, closed.rcvd.code, closed.rcvd.reason


def test_events_come_while_the_job_runs(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id) as socket:
        assert receive(socket)["event"] == "created"
        change(database, job_id, "started", status="running")
        assert receive(socket)["event"] == "started"
        change(database, job_id, "progress", status="running", items_done=2)
        told = receive(socket)
        assert (told["event"], told["data"]["items_done"], told["data"]["progress"]) == ("progress", 2, 0.5)
        socket.send("anything")
        end_job(database, job_id)
        messages, code, _ = receive_all(socket)
    assert [one["event"] for one in messages] == ["ended"]
    assert code == 1000


def test_it_tells_what_the_stream_tells_and_goes_on_after_any_event(
    serve_jobs: ServeJobs, database: Database
) -> None:
    job_id = write_job(database)
    run_job(database, job_id)
    host = serve_jobs()
    whole = [{"id": one.id, "event": one.event, "data": one.data} for one in read_all(host, job_id)]
    for cut in (0, 3, len(whole)):
        seen = whole[cut - 1]["id"] if cut else 0
        with open_socket(host, job_id, f"?last_event_id={seen}") as socket:
            assert receive_all(socket) == (whole[cut:], 1000, "")


def test_a_page_sends_its_key_as_the_first_message(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    host = serve_jobs()
    with open_socket(host, job_id, additional_headers={}) as socket:
        socket.send(json.dumps({"token": KEY}))
        assert receive(socket)["event"] == "created"


@pytest.mark.parametrize(
    "first",
    [
        '{"token": "wrong"}',
        '{"token": 1}',
        '{"token": ""}',
        "{}",
        "[]",
        "no json",
        "[" * 5000,
        b'{"token": "x"}',
        '{"token": "\\ud800"}',
    ],
)
def test_any_other_first_message_is_refused(
    serve_jobs: ServeJobs, database: Database, first: str | bytes
) -> None:
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id, additional_headers={}) as socket:
        socket.send(first)
        messages, code, reason = receive_all(socket)
    assert (messages, code) == ([], 4401)
    assert reason


def test_who_sends_no_key_in_time_is_refused(
    serve_jobs: ServeJobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "TOKEN_SECONDS", 0.05)
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id, additional_headers={}) as socket:
        assert receive_all(socket)[1] == 4401


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic abc", "nonsense"])
def test_a_wrong_header_is_refused(serve_jobs: ServeJobs, database: Database, header: str) -> None:
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id, additional_headers={"Authorization": header}) as socket:
        assert receive_all(socket)[1] == 4401


def test_a_key_in_the_url_opens_nothing_and_no_key_is_logged(
    serve_jobs: ServeJobs,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(handshake, "TOKEN_SECONDS", 0.05)
    job_id = write_job(database)
    host = serve_jobs()
    with open_socket(host, job_id, "?token=abc", additional_headers={}) as socket:
        assert receive_all(socket)[1] == 4401
    monkeypatch.setattr(handshake, "TOKEN_SECONDS", 60)
    with caplog.at_level(logging.INFO), open_socket(host, job_id, additional_headers={}) as socket:
        socket.send(json.dumps({"token": "a wrong and secret key"}))
        assert receive_all(socket)[1] == 4401
    assert "a wrong and secret key" not in caplog.text


def test_only_who_has_the_job_may_watch_it(serve_jobs: ServeJobs, database: Database) -> None:
    host = serve_jobs()
    for job_id in (write_job(database, "another"), "no-such-job"):
        with open_socket(host, job_id) as socket:
            assert receive_all(socket) == ([], 4404, f"There is no job '{job_id}'.")


def test_what_is_no_event_id_is_refused(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id, "?last_event_id=x") as socket:
        assert receive_all(socket)[1] == 4422


def test_a_parameter_that_is_not_there_is_refused(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_socket(serve_jobs(), job_id, "?last_event=3") as socket:
        told = "Unknown query parameter 'last_event' (did you mean 'last_event_id'?)."
        assert receive_all(socket) == ([], 4422, told)


def test_a_client_has_so_many_and_no_more(
    serve_jobs: ServeJobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_STREAMS_PER_CLIENT", "1")
    job_id = write_job(database)
    host = serve_jobs()
    with open_socket(host, job_id) as one:
        assert receive(one)["event"] == "created"
        with open_socket(host, job_id) as other:
            assert receive_all(other)[1] == 4429
    until(lambda: opens(host, job_id))  # the server learns a little later that it left


def opens(host: str, job_id: str) -> bool:
    """Return whether a socket is opened and not refused."""
    with open_socket(host, job_id) as socket:
        try:
            return bool(receive(socket)["event"] == "created")
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            assert closed.rcvd.code == 4429
            return False


def test_opening_is_counted_on_the_quota(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    host = serve_jobs(rate_limit_enabled=True, rate_limit_per_minute=2, rate_limit_data_per_minute=2)
    wrong: dict[str, Any] = {"additional_headers": {"Authorization": "Bearer wrong"}}
    for given, codes in ((wrong, [4401, 4401, 4429]), ({}, [None, None, 4429])):
        for code in codes:
            with open_socket(host, job_id, **given) as socket:
                if code is None:
                    assert receive(socket)["event"] == "created"
                else:
                    assert receive_all(socket)[1] == code


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:8080.evil.test"])
def test_other_pages_may_not_open_it(serve_jobs: ServeJobs, database: Database, origin: str) -> None:
    job_id = write_job(database)
    with pytest.raises(InvalidStatus) as refused, open_socket(serve_jobs(), job_id, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_allowed_pages_and_the_gateways_own_may(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    host = serve_jobs()
    for origin in ("http://127.0.0.1:8080", f"http://{host}"):
        with open_socket(host, job_id, origin=origin) as socket:
            assert receive(socket)["event"] == "created"


def test_it_is_closed_when_the_gateway_is_told_to_end(tmp_path: Path, database: Database) -> None:
    job_id = write_job(database)
    url = database.url.render_as_string(hide_password=False)
    with run_server(tmp_path, int(free_port()), DATABASE_URL=url, DRAIN_SECONDS="0.5") as server:
        with open_socket(f"127.0.0.1:{server.port}", job_id) as socket:
            assert receive(socket)["event"] == "created"
            server.process.send_signal(signal.SIGTERM)
            assert receive_all(socket)[:2] == ([], 1001)
        assert server.process.wait(60) is not None
