"""Beginning and ending a model's life when others do so at the same moment."""

from typing import Any

import pytest

from forecast.core.errors import CheckpointError
from forecast.core.schemas import InitializationRequest
from tests.core.test_lifecycle import in_thread
from tests.fakes import FakeAdapter, Gate, make_service


def test_a_model_that_is_shut_down_as_it_is_found_ready_is_told_as_it_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = make_service()
    service.initialize()
    begin = service._begin

    def begin_and_lose(*given: Any) -> Any:
        begun = begin(*given)
        service.shutdown()
        return begun

    monkeypatch.setattr(service, "_begin", begin_and_lose)
    found = service.initialize()
    assert (found.status, found.config is None) == ("ready", False)


def test_a_default_that_cannot_be_loaded_is_told_by_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DEFAULT_BACKEND", "gpu")
    service = make_service()
    service.start()
    assert service.get_status()[0] == "error"
    assert "Backend 'gpu' is not available for 'fake'; available: cpu" in str(service.snapshot.details)
    assert service.snapshot.code == "BACKEND_UNAVAILABLE"
    assert service.initialize(InitializationRequest(backend="cpu")).status == "ready"
    service.shutdown()


def test_a_start_leaves_alone_what_a_caller_has_begun() -> None:
    gate = Gate()
    service = make_service(FakeAdapter(on_load=gate))
    thread, outcome = in_thread(service.initialize)
    assert gate.entered.wait(60)
    service.start()
    gate.opened.set()
    thread.join()
    assert outcome[0].status == "ready"
    service.shutdown()


def test_the_code_of_the_error_that_a_load_ended_in_is_kept() -> None:
    def fail(config: object) -> None:
        raise CheckpointError("There is none.")

    service = make_service(FakeAdapter(on_load=fail))
    with pytest.raises(CheckpointError):
        service.initialize()
    assert (service.snapshot.status, service.snapshot.code) == ("error", "CHECKPOINT_UNAVAILABLE")
