import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from forecast.core.errors import (
    BackendError,
    CheckpointError,
    ConfigConflictError,
    DeadlineError,
    InitializingError,
    NotInitializedError,
    NotSupportedError,
    RequestError,
)
from forecast.core.schemas import InitializationRequest
from tests.fakes import FakeAdapter, Gate, make_service, make_task


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_a_model_begins_uninitialized_and_says_how_to_initialize_it() -> None:
    service = make_service()
    assert service.get_status() == ("uninitialized", None)
    assert service.get_model_config() is None
    with pytest.raises(NotInitializedError, match="POST /forecast/v1/fake/initialization"):
        service.submit([make_task()])


def test_an_initialized_model_is_ready_warm_and_forecasts() -> None:
    adapter = FakeAdapter()
    service = make_service(adapter)
    snapshot = service.initialize(InitializationRequest(context_len=64))
    assert snapshot.status == "ready"
    assert adapter.batches == [["warm-up"], ["warm-up"]]
    config = service.get_model_config()
    assert config is not None
    assert (config.backend, config.context_len, config.horizon_len) == ("cpu", 64, 4)
    assert service.get_model_source_info() == "built-in"
    assert service.run_inference([make_task()]).forecasts[0].mean.tolist() == [3.0] * 4
    service.shutdown()


def test_the_same_initialization_again_is_no_error_and_loads_nothing() -> None:
    loads: list[object] = []
    service = make_service(FakeAdapter(on_load=loads.append))
    service.initialize()
    assert service.initialize().status == "ready"
    assert len(loads) == 1
    service.shutdown()


def test_another_configuration_is_a_conflict_that_shows_both() -> None:
    service = make_service()
    service.initialize(InitializationRequest(context_len=64))
    with pytest.raises(ConfigConflictError, match="another context_len; shut it down first") as refused:
        service.initialize(InitializationRequest(context_len=128))
    assert refused.value.details["loaded"]["context_len"] == 64
    assert refused.value.details["requested"]["context_len"] == 128
    service.shutdown()


def test_loading_can_be_seen_and_a_second_initialization_meanwhile_is_refused() -> None:
    gate = Gate()
    service = make_service(FakeAdapter(on_load=gate))
    thread, outcome = in_thread(service.initialize)
    assert gate.entered.wait(60)
    assert service.get_status() == ("initializing", None)
    with pytest.raises(InitializingError, match="being initialized"):
        service.initialize()
    with pytest.raises(NotInitializedError, match="still being initialized"):
        service.submit([make_task()])
    # Busy is told before anybody is asked which version an alias means.
    with pytest.raises(InitializingError, match="being initialized"):
        service.initialize(InitializationRequest(mlflow_model_name="sales", mlflow_model_alias="champion"))
    gate.opened.set()
    thread.join()
    assert outcome[0].status == "ready"
    service.shutdown()


def test_loading_behind_answers_at_once() -> None:
    gate = Gate()
    service = make_service(FakeAdapter(on_load=gate))
    assert service.initialize(InitializationRequest(wait=False)).status == "initializing"
    assert gate.entered.wait(60)
    assert service.shutdown()
    gate.opened.set()


def test_a_load_that_fails_is_told_and_can_be_tried_again() -> None:
    failures = [CheckpointError("no such checkpoint")]

    def fail_once(_: object) -> None:
        if failures:
            raise failures.pop()

    service = make_service(FakeAdapter(on_load=fail_once))
    with pytest.raises(CheckpointError):
        service.initialize()
    assert service.get_status() == ("error", "no such checkpoint")
    with pytest.raises(NotInitializedError, match="CHECKPOINT_UNAVAILABLE"):
        service.submit([make_task()])
    assert service.initialize().status == "ready"
    service.shutdown()


def test_a_load_that_crashes_tells_no_internals() -> None:
    def crash(_: object) -> None:
        raise MemoryError("/root/secret")

    service = make_service(FakeAdapter(on_load=crash))
    with pytest.raises(MemoryError):
        service.initialize()
    assert service.get_status() == ("error", "MemoryError while loading")


def test_nothing_is_loaded_from_a_state_that_has_passed() -> None:
    service = make_service()
    seen = service.snapshot
    service.initialize(seen=seen)
    service.shutdown()
    with pytest.raises(InitializingError):
        service.initialize(seen=seen)
    assert service.get_status() == ("uninitialized", None)


def test_a_load_that_failed_keeps_nothing_alive() -> None:
    class Weights:
        pass

    alive: list[weakref.ref[Weights]] = []

    def fail(_: object) -> None:
        weights = Weights()
        alive.append(weakref.ref(weights))
        raise CheckpointError("no such checkpoint")

    service = make_service(FakeAdapter(on_load=fail))
    with contextlib.suppress(CheckpointError):
        service.initialize()
    gc.collect()
    assert service.get_status()[0] == "error"
    assert alive[0]() is None


def test_a_backend_the_model_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(BackendError, match="available: cpu") as refused:
        make_service().initialize(InitializationRequest(backend="tpu"))
    assert refused.value.details["available"] == ["cpu"]


def test_a_model_without_weights_refuses_a_checkpoint() -> None:
    with pytest.raises(NotSupportedError, match="no weights"):
        make_service().initialize(InitializationRequest(checkpoint="google/x"))


@pytest.mark.parametrize(("field", "value"), [("context_len", 513), ("horizon_len", 101)])
def test_a_configuration_beyond_the_models_limits_is_refused(field: str, value: int) -> None:
    service = make_service()
    with pytest.raises(RequestError, match=f"{field} {value} is above this model's limit"):
        service.initialize(InitializationRequest(**{field: value}))  # type: ignore[arg-type]
    assert service.get_status()[0] == "error"


def test_a_blocking_inference_gives_up_at_its_deadline() -> None:
    gate = Gate()
    adapter = FakeAdapter()
    service = make_service(adapter)
    service.initialize()
    adapter.on_predict = gate
    with pytest.raises(DeadlineError):
        service.run_inference([make_task()], patience=0.2)
    gate.opened.set()
    service.shutdown()


def test_defaults_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DEFAULT_CONTEXT_LEN", "33")
    monkeypatch.setenv("FAKE_DEFAULT_HORIZON_LEN", "7")
    service = make_service()
    service.initialize()
    config = service.get_model_config()
    assert config is not None
    assert (config.context_len, config.horizon_len) == (33, 7)
    service.shutdown()


def test_a_load_that_finds_no_thread_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    service = make_service()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            service.initialize(InitializationRequest(wait=False))

    assert service.get_status() == ("error", "No thread left.")
    assert service.initialize().status == "ready"
    service.shutdown()
