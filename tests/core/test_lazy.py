"""Models that the first inference loads."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from forecast.core import lazy
from forecast.core.errors import CheckpointError
from forecast.core.lazy import preferred_wait
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST, forecast
from tests.core.test_lifecycle import in_thread
from tests.fake_model import service
from tests.fakes import FakeAdapter, Gate


@pytest.fixture
def demanding(make_app: MakeApp) -> Iterator[TestClient]:
    """A client of a gateway that loads models on demand."""
    with TestClient(make_app(lazy_initialization=True), headers=AUTHORIZED) as client:
        yield client


def prefer(client: TestClient, *values: str) -> Any:
    headers = [("Prefer", value) for value in values]
    return client.post(f"{PREFIX}/inference", json=REQUEST, headers=headers)


def failing(times: int, error: Exception) -> Callable[[object], None]:
    left = [error] * times

    def fail(_: object) -> None:
        if left:
            raise left.pop()

    return fail


class Stopped:
    """A clock that stands where a test puts it, for what tells its seconds by `time.monotonic`."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    """The clock of those who wait for a load: however slow the host, no second of theirs passes."""
    clock = Stopped()
    monkeypatch.setattr(lazy, "time", clock)
    return clock


def count_loads(fake: FakeAdapter, then: Callable[[Any], None] = lambda config: None) -> list[Any]:
    loads: list[Any] = []

    def load(config: Any) -> None:
        loads.append(config)
        then(config)

    fake.on_load = load
    return loads


def test_the_first_inference_loads_the_model_with_its_default_settings(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    loads = count_loads(fake)
    assert forecast(demanding).status_code == 200
    assert forecast(demanding).status_code == 200
    assert [config.horizon_len for config in loads] == [4]
    assert demanding.get(f"{PREFIX}/status").json()["model_status"] == "ready"


def test_without_the_setting_nothing_is_loaded_and_nothing_preferred(client: TestClient) -> None:
    refused = prefer(client, "wait=5")
    assert (refused.status_code, refused.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")
    assert "Preference-Applied" not in refused.headers
    assert client.get(f"{PREFIX}/status").json()["model_status"] == "uninitialized"


@pytest.mark.usefixtures("clock")
def test_who_prefers_not_to_wait_is_told_to_come_again_while_the_load_goes_on(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    gate = Gate()
    loads = count_loads(fake, gate)
    for _ in range(2):
        refused = prefer(demanding, "wait=0")
        assert (refused.status_code, refused.json()["error"]) == (503, "MODEL_LOADING")
        assert (refused.headers["Retry-After"], refused.headers["Preference-Applied"]) == ("1", "wait=0")
    gate.opened.set()
    waited = prefer(demanding, "respond-async, wait=60")
    assert waited.status_code == 200
    assert len(loads) == 1
    assert "Preference-Applied" not in prefer(demanding, "wait=0").headers


def test_who_waits_long_enough_is_answered_and_told_that_the_preference_was_applied(
    demanding: TestClient,
) -> None:
    answered = prefer(demanding, 'return=minimal; x="y"', "Wait = 60")
    assert (answered.status_code, answered.headers["Preference-Applied"]) == (200, "wait=60")


def test_a_caller_who_prefers_to_wait_so_long_is_told_when_that_has_passed(
    client: TestClient, fake: FakeAdapter
) -> None:
    client.post(f"{PREFIX}/initialization", json={})
    gate = Gate()
    fake.on_predict = gate
    late = prefer(client, "wait=1")
    gate.opened.set()
    assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
    assert late.headers["Preference-Applied"] == "wait=1"


def test_a_deadline_that_passes_during_the_load_is_a_503(demanding: TestClient, fake: FakeAdapter) -> None:
    gate = Gate()
    fake.on_load = gate
    headers = {"X-Deadline-Ms": "100", "Prefer": "wait=60"}
    refused = demanding.post(f"{PREFIX}/inference", json=REQUEST, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (503, "MODEL_LOADING")
    assert demanding.get(f"{PREFIX}/status").json()["model_status"] == "initializing"
    gate.opened.set()


def test_a_load_that_somebody_else_began_is_waited_for(demanding: TestClient, fake: FakeAdapter) -> None:
    gate = Gate()
    loads = count_loads(fake, gate)
    demanding.post(f"{PREFIX}/initialization", json={"wait": False, "horizon_len": 7})
    assert prefer(demanding, "wait=0").status_code == 503
    gate.opened.set()
    answer = forecast(demanding, parameters={})
    assert [len(one) for one in answer.json()["prediction"]["point_forecast"]] == [7]
    assert len(loads) == 1


def test_a_load_that_fails_is_told_by_its_own_error_and_not_tried_again_at_once(
    demanding: TestClient, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch, clock: Stopped
) -> None:
    loads = count_loads(fake, failing(1, CheckpointError("no such weights", details={"checkpoint": "x"})))
    for expected in (None, "5"):
        failed = forecast(demanding)
        assert (failed.status_code, failed.json()["error"]) == (422, "CHECKPOINT_UNAVAILABLE")
        assert (failed.json()["detail"], failed.json()["details"]) == ("no such weights", {"checkpoint": "x"})
        assert failed.headers.get("Retry-After") == expected
        clock.now = service.snapshot.load.ended_at + 0.5
    assert len(loads) == 1
    monkeypatch.setattr(lazy, "RETRY_PAUSE_SECONDS", 0)
    assert forecast(demanding).status_code == 200
    assert len(loads) == 2


def test_a_load_that_fails_at_once_is_not_tried_again_by_the_request_that_began_it(
    demanding: TestClient, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy, "RETRY_PAUSE_SECONDS", 0)
    loads = count_loads(fake, failing(9, CheckpointError("no such weights")))
    assert forecast(demanding).status_code == 422
    assert len(loads) == 1


def test_a_load_that_crashes_is_a_500_without_internals(demanding: TestClient, fake: FakeAdapter) -> None:
    fake.on_load = failing(1, MemoryError("/root/secret"))
    failed = forecast(demanding)
    assert (failed.status_code, failed.json()["error"]) == (500, "INTERNAL_ERROR")
    assert failed.json()["detail"] == "MemoryError while loading"


@pytest.mark.parametrize(("body", "status"), [({}, 200), ({"horizon_len": 7}, 409)])
def test_an_initialization_that_failed_is_tried_again_only_if_it_had_no_settings_of_its_own(
    demanding: TestClient, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch, body: Any, status: int
) -> None:
    monkeypatch.setattr(lazy, "RETRY_PAUSE_SECONDS", 0)
    fake.on_load = failing(1, CheckpointError("no such weights"))
    assert demanding.post(f"{PREFIX}/initialization", json=body).status_code == 422
    answer = forecast(demanding)
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["error"] == "MODEL_NOT_INITIALIZED"
        told = answer.json()["detail"]
        assert told.endswith("(CHECKPOINT_UNAVAILABLE); its status tells an operator's key why.")
        demanding.post(f"{PREFIX}/shutdown")
        assert forecast(demanding).status_code == 200


def test_after_a_shutdown_the_next_inference_loads_the_model_again(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    loads = count_loads(fake)
    assert forecast(demanding).status_code == 200
    assert demanding.post(f"{PREFIX}/shutdown").json()["model_status"] == "uninitialized"
    assert forecast(demanding).status_code == 200
    assert len(loads) == 2


def test_a_request_during_a_drain_waits_for_its_end_and_then_loads(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    gate = Gate()
    loads = count_loads(fake)
    assert forecast(demanding).status_code == 200
    fake.on_predict = gate
    running, answers = in_thread(lambda: forecast(demanding))
    assert gate.entered.wait(60)
    draining, _ = in_thread(lambda: demanding.post(f"{PREFIX}/shutdown"))
    while not service.snapshot.draining:
        time.sleep(0.001)
    assert prefer(demanding, "wait=0").json()["error"] == "MODEL_LOADING"
    gate.opened.set()
    assert forecast(demanding).status_code == 200
    running.join()
    draining.join()
    assert (answers[0].status_code, len(loads)) == (200, 2)


def test_a_shutdown_of_the_load_is_told_to_those_who_wait_for_it(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    gate = Gate()
    fake.on_load = gate
    waiting, answers = in_thread(lambda: forecast(demanding))
    assert gate.entered.wait(60)
    demanding.post(f"{PREFIX}/shutdown")
    gate.opened.set()
    waiting.join()
    assert (answers[0].status_code, answers[0].json()["error"]) == (409, "MODEL_SHUT_DOWN")


def test_a_request_during_a_load_that_was_shut_down_waits_for_its_end_and_loads_anew(
    demanding: TestClient, fake: FakeAdapter
) -> None:
    gate = Gate()
    loads = count_loads(fake, gate)
    assert prefer(demanding, "wait=0").status_code == 503
    assert gate.entered.wait(60)
    demanding.post(f"{PREFIX}/shutdown")
    assert prefer(demanding, "wait=0").status_code == 503
    waiting, answers = in_thread(lambda: prefer(demanding, "wait=60"))
    gate.opened.set()
    waiting.join()
    assert (answers[0].status_code, len(loads)) == (200, 2)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        (["wait=5"], 5),
        (["WAIT=5"], 5),
        (["respond-async, wait=10; x=y"], 10),
        (["return=minimal", "wait=7"], 7),
        (["wait=3, wait=9"], 3),
        (['wait="4"'], 4),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait"], None),
        (["await=5"], None),
        (["wait=" + "9" * 5000], None),
    ],
)
def test_the_wait_is_read_as_the_standard_writes_it(values: list[str], seconds: int | None) -> None:
    assert preferred_wait(values) == seconds


@given(st.lists(st.text(max_size=40)), st.integers(0, 10**9 - 1))
def test_a_wait_is_found_among_other_preferences(others: list[str], seconds: int) -> None:
    own = [other for other in others if "wait" not in other.lower()]
    assert preferred_wait([*own, f"handling=lenient, wait={seconds}"]) == seconds
