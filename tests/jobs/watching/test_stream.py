import signal
from pathlib import Path

import pytest

from forecast.database.connection import Database
from forecast.jobs.watching import stream
from tests.jobs.test_routes import until
from tests.jobs.watching.conftest import ServeJobs
from tests.jobs.watching.reading import open_stream, parse, read_all
from tests.jobs.written import change, end_job, run_job, write_job
from tests.server import run_server
from tests.setup.conftest import free_port

COURSE = ["created", "started", "progress", "progress", "progress", "progress", "ended"]


def test_events_come_while_the_job_runs(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_stream(serve_jobs(), job_id) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        events = parse(answer.iter_lines())
        first = next(events)
        assert (first.event, first.data["status"], first.data["progress"]) == ("created", "pending", 0.0)
        change(database, job_id, "started", status="running")
        second = next(events)
        assert (second.event, second.data["started_at"]) == ("started", "2026-01-02T03:04:06Z")
        change(database, job_id, "progress", status="running", items_done=1, items_failed=1)
        third = next(events)
        assert (third.data["items_done"], third.data["items_failed"], third.data["progress"]) == (1, 1, 0.25)
        assert (third.data["result"], third.data["finished_at"]) == (None, None)
        end_job(database, job_id)
        last = next(events)
        assert list(events) == []
    assert last.event == "ended"
    assert last.data | {"estimated_end": None} == {
        "job_id": job_id,
        "status": "succeeded",
        "kind": "forecast",
        "model": "statsforecast",
        "dataset": "default",
        "forecast_run_id": f"run-of-{job_id}",
        "items_total": 4,
        "items_done": 4,
        "items_failed": 1,
        "progress": 1.0,
        "estimated_end": None,
        "created_at": "2026-01-02T03:04:05Z",
        "started_at": "2026-01-02T03:04:06Z",
        "finished_at": "2026-01-02T03:04:09Z",
        "error": None,
        "result": f"/api/v1/forecasts/run-of-{job_id}",
    }


def test_who_comes_late_is_told_everything_as_it_was(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    run_job(database, job_id)
    told = read_all(serve_jobs(), job_id)
    assert [one.event for one in told] == COURSE
    assert [one.data["items_done"] for one in told] == [0, 0, 1, 2, 3, 4, 4]
    assert [one.data["finished_at"] is None for one in told] == [True] * 6 + [False]
    ids = [one.id for one in told]
    assert ids == sorted(set(ids))


def test_a_stream_goes_on_after_any_event(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    run_job(database, job_id)
    host = serve_jobs()
    whole = read_all(host, job_id)
    for cut in range(len(whole) - 1):
        assert read_all(host, job_id, Last_Event_ID=str(whole[cut].id)) == whole[cut + 1 :]
    assert read_all(host, job_id, f"?last_event_id={whole[3].id}") == whole[4:]
    assert read_all(host, job_id, "?last_event_id=0", Last_Event_ID=str(whole[3].id)) == whole[4:]


def test_after_the_last_event_a_browser_is_told_not_to_come_again(
    serve_jobs: ServeJobs, database: Database
) -> None:
    job_id = write_job(database)
    run_job(database, job_id)
    host = serve_jobs()
    last = read_all(host, job_id)[-1]
    with open_stream(host, job_id, Last_Event_ID=str(last.id)) as answer:
        assert (answer.status_code, answer.read()) == (204, b"")


def test_a_number_that_no_event_has_yet_hides_nothing(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_stream(serve_jobs(), job_id, Last_Event_ID=str(2**63 - 1)) as answer:
        events = parse(answer.iter_lines())
        end_job(database, job_id)
        assert [one.event for one in events] == ["ended"]


@pytest.mark.parametrize("given", ["x", "-1", "1.5", str(2**63), "9" * 5000])
def test_what_is_no_event_id_is_refused(serve_jobs: ServeJobs, database: Database, given: str) -> None:
    job_id = write_job(database)
    with open_stream(serve_jobs(), job_id, Last_Event_ID=given) as answer:
        answer.read()
        assert (answer.status_code, answer.json()["error"]) == (422, "REQUEST_INVALID")


def test_only_who_has_the_job_may_watch_it(serve_jobs: ServeJobs, database: Database) -> None:
    host = serve_jobs()
    of_another = write_job(database, "another")
    for job_id in (of_another, "no-such-job"):
        with open_stream(host, job_id) as answer:
            answer.read()
            assert (answer.status_code, answer.json()["detail"]) == (404, f"There is no job '{job_id}'.")
    with open_stream(host, of_another, Authorization="Bearer wrong") as answer:
        assert answer.status_code == 401


def test_a_quiet_stream_is_kept_open_by_comments(
    serve_jobs: ServeJobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stream.KEEP_ALIVE_SECONDS == 15
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.05)
    job_id = write_job(database)
    with open_stream(serve_jobs(), job_id) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        for _ in range(3):
            assert next(line for line in lines if line.startswith(":")) == ": ping"


def test_events_are_not_held_back_to_be_packed(serve_jobs: ServeJobs, database: Database) -> None:
    job_id = write_job(database)
    with open_stream(serve_jobs(), job_id, Accept_Encoding="gzip") as answer:
        assert "content-encoding" not in answer.headers
        assert next(parse(answer.iter_lines())).event == "created"


def test_a_client_has_so_many_streams_and_no_more(
    serve_jobs: ServeJobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_STREAMS_PER_CLIENT", "2")
    job_id = write_job(database)
    host = serve_jobs()
    with open_stream(host, job_id) as one, open_stream(host, job_id) as other:
        assert (one.status_code, other.status_code) == (200, 200)
        with open_stream(host, job_id) as third:
            third.read()
            assert (third.status_code, third.json()["error"]) == (429, "RATE_LIMITED")
            assert third.headers["retry-after"] == "5"
    until(lambda: opens(host, job_id))  # the server learns a little later that they left


def opens(host: str, job_id: str) -> bool:
    """Return whether a stream is opened."""
    with open_stream(host, job_id) as answer:
        return answer.status_code == 200


def test_a_stream_ends_when_the_gateway_is_told_to_end(tmp_path: Path, database: Database) -> None:
    job_id = write_job(database)
    url = database.url.render_as_string(hide_password=False)
    with run_server(tmp_path, int(free_port()), DATABASE_URL=url, DRAIN_SECONDS="0") as server:
        with open_stream(f"127.0.0.1:{server.port}", job_id) as answer:
            events = parse(answer.iter_lines())
            assert next(events).event == "created"
            server.process.send_signal(signal.SIGTERM)
            assert list(events) == []
        assert server.process.wait(60) is not None
