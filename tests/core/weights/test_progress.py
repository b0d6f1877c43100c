import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint
from forecast.core.errors import ShutDownError
from forecast.core.lifecycle import ModelService
from forecast.core.progress import Figures, LoadProgress, current_progress, tracked
from tests.core.conftest import PREFIX
from tests.core.weights.hub import Hub, Stop
from tests.fakes import FakeAdapter, Gate, make_service

WEIGHTS = hashlib.shake_256(b"weights").digest(1_000_000)


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [(0, 3, 0.0), (1, 3, 33.3), (3, 3, 100.0), (0, 0, 100.0), (5, None, None), (None, None, None)],
)
def test_percent_is_the_share_of_what_is_known(done: Any, total: Any, percent: Any) -> None:
    assert Figures("downloading", done, total).percent == percent


def test_bytes_from_many_threads_are_all_counted() -> None:
    progress = LoadProgress()
    progress.begin("downloading", 5, 10**6)

    def count() -> None:
        for _ in range(1000):
            progress.advance(1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress.figures == Figures("downloading", 8005, 10**6)


def test_a_cancelled_load_ends_at_its_next_sign_of_progress() -> None:
    progress = LoadProgress()
    progress.cancel()
    with pytest.raises(ShutDownError):
        progress.begin("reading")
    with pytest.raises(ShutDownError):
        progress.advance(1)
    with pytest.raises(ShutDownError):
        progress.pause(60)


def test_a_load_finds_its_own_progress_and_nothing_else_does() -> None:
    progress = LoadProgress()
    with tracked(progress):
        assert current_progress() is progress
        found: list[LoadProgress] = []
        thread = threading.Thread(target=lambda: found.append(current_progress()))
        thread.start()
        thread.join()
    assert found[0] is not progress
    assert current_progress() is not progress


def join_load() -> None:
    for thread in threading.enumerate():
        if thread.name == "load-fake":
            thread.join()


def load_behind(service: ModelService[str], gate: Gate) -> Any:
    thread = threading.Thread(target=service.initialize)
    thread.start()
    assert gate.entered.wait(60)
    return thread


def test_the_phases_of_a_load_are_told_until_it_is_ready() -> None:
    warming, seen = Gate(), []
    service = make_service(
        FakeAdapter(on_predict=warming, on_load=lambda _: seen.append(current_progress().figures.phase))
    )
    thread = load_behind(service, warming)
    load = service.snapshot.progress
    assert load is not None
    assert seen == ["preparing"]
    assert load.figures == Figures("warming up")
    warming.opened.set()
    thread.join()
    assert service.get_status() == ("ready", None)
    assert service.snapshot.progress is None
    service.shutdown()


def test_a_load_that_fails_has_no_progress_any_more() -> None:
    def crash(_: object) -> None:
        raise OSError

    service = make_service(FakeAdapter(on_load=crash))
    with pytest.raises(OSError):  # noqa: PT011 - it is the one raised above
        service.initialize()
    assert service.get_status()[0] == "error"
    assert service.snapshot.progress is None


def test_what_was_loaded_when_the_shutdown_came_is_not_warmed_up_but_let_go() -> None:
    gate = Gate()
    adapter = FakeAdapter(on_load=gate)
    service = make_service(adapter)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(service.initialize)
        assert gate.entered.wait(60)
        assert service.shutdown()
        gate.opened.set()
        assert isinstance(loading.exception(60), ShutDownError)
    assert (adapter.unloaded, adapter.batches) == (1, [])
    assert service.get_status() == ("uninitialized", None)


def find(config: ModelConfig) -> None:
    locate_checkpoint(config)


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake model's default checkpoint, which a gateway reads when it starts."""
    monkeypatch.setenv("FAKE_DEFAULT_CHECKPOINT", "google/tiny")


@pytest.fixture
def loading(default: None, client: TestClient, fake: FakeAdapter, hub: Hub) -> tuple[TestClient, Stop]:
    """A gateway that loads the fake model behind, from a Hub that has stopped in the midst of the weights."""
    hub.publish("google/tiny", {"config.json": b"{}", "model.safetensors": WEIGHTS})
    stop = hub.stops["model.safetensors"] = Stop(at=500_000)
    fake.on_load = find
    answer = client.post(f"{PREFIX}/initialization", json={"wait": False})
    assert (answer.status_code, answer.json()["model_status"]) == (202, "initializing")
    assert stop.reached.wait(60)
    return client, stop


def status_at(client: TestClient, bytes_done: int) -> Any:
    """Return the first status that tells of so many bytes."""
    while True:
        status = client.get(f"{PREFIX}/status").json()
        assert status["model_status"] == "initializing"
        if status["progress"]["bytes_done"] == bytes_done:
            return status
        threading.Event().wait(0.001)


def test_the_status_tells_how_many_bytes_have_come(loading: tuple[TestClient, Stop]) -> None:
    client, stop = loading
    assert status_at(client, 500_002) == {
        "model_status": "initializing",
        "details": "Source: hf:google/tiny",
        "progress": {
            "phase": "downloading",
            "bytes_done": 500_002,
            "bytes_total": 1_000_002,
            "percent": 50.0,
        },
        "model_info": None,
        "model_version": None,
        "weights": None,
    }
    stop.released.set()
    join_load()
    told = client.get(f"{PREFIX}/status").json()
    assert (told["model_status"], told["details"]) == ("ready", "Source: hf:google/tiny")
    assert (told["progress"], told["weights"], told["model_info"]["source"]) == (None, None, "hf:google/tiny")


def test_a_shutdown_cancels_the_download_and_the_next_load_goes_on_from_there(
    loading: tuple[TestClient, Stop], hub: Hub
) -> None:
    client, stop = loading
    status_at(client, 500_002)
    told = client.post(f"{PREFIX}/shutdown").json()["message"]
    assert told == "The model is being shut down; what it was doing has not ended yet."
    meanwhile = client.post(f"{PREFIX}/initialization", json={})
    assert (meanwhile.status_code, meanwhile.json()["error"]) == (409, "MODEL_INITIALIZING")
    assert client.get(f"{PREFIX}/status").json()["progress"] is None
    stop.released.set()
    join_load()
    assert client.get(f"{PREFIX}/status").json()["model_status"] == "uninitialized"
    again = client.post(f"{PREFIX}/initialization", json={})
    assert (again.status_code, again.json()["model_status"]) == (200, "ready")
    first, second = hub.ranges("model.safetensors")
    assert first is None
    assert second is not None
    assert 500_000 <= int(second.removeprefix("bytes=").rstrip("-")) < 1_000_000


def test_a_caller_who_waits_for_a_load_is_told_that_it_was_shut_down(
    client: TestClient, fake: FakeAdapter
) -> None:
    gate = Gate()
    fake.on_load = gate
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(client.post(f"{PREFIX}/initialization", json={})))
    thread.start()
    assert gate.entered.wait(60)
    client.post(f"{PREFIX}/shutdown")
    gate.opened.set()
    thread.join()
    assert (answers[0].status_code, answers[0].json()["error"]) == (409, "MODEL_SHUT_DOWN")
