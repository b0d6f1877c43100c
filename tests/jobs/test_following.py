"""A job from its creation to its webhook, as a caller goes through it, on a real server."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.conftest import AUTHORIZED
from tests.core.conftest import PREFIX, TABLE
from tests.fakes import FakeAdapter, Gate
from tests.jobs.watching.conftest import ServeJobs, serve_jobs
from tests.jobs.watching.reading import open_stream, parse, read_all
from tests.jobs.webhooks.receiver import Receiver, receive

__all__ = ["serve_jobs"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY: dict[str, Any] = {
    "model": "fake",
    "data": TABLE,
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 3},
}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


@pytest.fixture
def host(serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
    return serve_jobs()


@pytest.fixture
def ask(host: str) -> Iterator[Ask]:
    with httpx.Client(base_url=f"http://{host}", headers=AUTHORIZED, trust_env=False, timeout=60) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200

        def send(method: str, path: str = "", **more: Any) -> httpx.Response:
            return client.request(method, f"/api/v1/forecast-jobs{path}", **more)

        yield send


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        threading.Event().wait(0.02)
    pytest.fail("it did not become true")


def test_a_job_is_followed_to_its_end_and_its_webhook(ask: Ask, host: str, receiver: Receiver) -> None:
    posted = ask("POST", json=BODY | {"webhook": {"url": receiver.url, "secret": SECRET}})
    assert posted.status_code == 202
    job_id = posted.json()["job_id"]
    assert posted.json()["webhook"]["status"] in {"waiting", "pending", "delivered"}

    told = read_all(host, job_id)
    assert [one.event for one in told] == ["created", "started", "progress", "ended"]
    assert told[-1].data["status"] == "succeeded"

    until(lambda: ask("GET", f"/{job_id}").json()["webhook"]["status"] == "delivered")
    ((headers, body),) = receiver.received
    message = Webhook(SECRET).verify(body, headers)
    job = ask("GET", f"/{job_id}").json()
    assert job.pop("webhook") == {
        "url": receiver.url,
        "status": "delivered",
        "attempts": 1,
        "last_error": None,
    }
    assert message == {"type": "forecast-job.ended", "timestamp": job["finished_at"], "job": job}
    assert told[-1].data == job
    (listed,) = ask("GET").json()["jobs"]
    assert listed["webhook"]["status"] == "delivered"


def test_a_job_without_a_webhook_has_none(ask: Ask) -> None:
    assert ask("POST", json=BODY).json()["webhook"] is None


@pytest.mark.parametrize(
    ("webhook", "status", "told"),
    [
        ({"url": "http://10.0.0.1/x"}, 403, "WEBHOOK_ALLOWED_NETWORKS"),
        ({"url": "http://169.254.169.254/latest"}, 403, "WEBHOOK_ALLOWED_NETWORKS"),
        ({"url": "http://no-such-host.invalid/x"}, 422, "not known"),
        ({"url": "ftp://127.0.0.1/x"}, 422, "http(s)"),
        ({"url": "http://me:word@127.0.0.1/x"}, 422, "credentials"),
        ({"url": "http://127.0.0.1/" + "x" * 2000}, 422, "longer than 2000"),
        ({"url": ""}, 422, "webhook.url"),
        ({"secret": "short-s3cret"}, 422, "webhook.secret: A secret has 16 to 256 bytes."),
        ({"secret": "whsec_s3cret!"}, 422, "webhook.secret"),
        ({"secret": "s3cret" * 100}, 422, "webhook.secret"),
        ({"secret": None}, 422, "webhook.secret"),
        ({"other": 1}, 422, "webhook.other"),
    ],
)
def test_a_webhook_that_cannot_be_sent_is_refused_and_nothing_begun(
    ask: Ask, webhook: dict[str, Any], status: int, told: str
) -> None:
    given = {"url": "http://127.0.0.1:9/x", "secret": SECRET} | webhook
    answer = ask("POST", json=BODY | {"webhook": given})
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert "s3cret" not in answer.text
    assert ask("GET").json()["jobs"] == []


def test_twenty_calls_with_one_key_make_one_job(ask: Ask) -> None:
    start = threading.Barrier(20)

    def post(_: int) -> tuple[str, bytes, bool]:
        start.wait()
        while True:
            answer = ask("POST", json=BODY, headers={"Idempotency-Key": "once"})
            if answer.status_code != 409:
                assert answer.status_code == 202
                return answer.headers["Location"], answer.content, "Idempotency-Replayed" in answer.headers
            assert answer.json()["error"] == "IDEMPOTENCY_IN_PROGRESS"
            threading.Event().wait(0.05)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert len({(location, content) for location, content, _ in answers}) == 1
    assert sum(not replayed for *_, replayed in answers) == 1
    (job,) = ask("GET").json()["jobs"]
    assert answers[0][0] == f"/api/v1/forecast-jobs/{job['job_id']}"
    other = ask("POST", json=BODY | {"parameters": {"horizon_len": 4}}, headers={"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["error"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_cancelled_job_ends_its_stream_and_is_told(
    ask: Ask, host: str, receiver: Receiver, fake: FakeAdapter
) -> None:
    fake.on_predict = gate = Gate()
    posted = ask("POST", json=BODY | {"webhook": {"url": receiver.url, "secret": SECRET}})
    job_id = posted.json()["job_id"]
    with open_stream(host, job_id) as answer:
        events = parse(answer.iter_lines())
        assert next(events).event == "created"
        assert gate.entered.wait(30)
        assert ask("DELETE", f"/{job_id}").status_code == 200
        assert [one.data["status"] for one in events][-1] == "cancelled"
    gate.opened.set()
    until(lambda: len(receiver.received) == 1)
    assert receiver.bodies[0]["job"]["status"] == "cancelled"
