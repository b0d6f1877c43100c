from collections.abc import Iterator
from typing import Any

import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.errors import AbandonedError, ConfigConflictError
from forecast.core.lifecycle import ModelService
from forecast.core.schemas import InitializationRequest
from forecast.runs.pinning import check_pinned, check_service, make_ready, pin
from tests.fakes import FakeAdapter, make_module, make_service


@pytest.fixture
def service() -> Iterator[ModelService[str]]:
    made = make_service()
    yield made
    made.shutdown()


def loaded(service: ModelService[str], **asked: Any) -> ModelConfig:
    config = service.initialize(InitializationRequest(**asked)).config
    assert config is not None
    return config


def test_a_model_is_loaded_again_as_it_was(service: ModelService[str]) -> None:
    pinned = pin(loaded(service, horizon_len=7, context_len=50))
    service.shutdown()

    config, _ = make_ready(service, pinned, lambda: False)

    assert (config.horizon_len, config.context_len) == (7, 50)
    assert pin(config) == pinned


def test_a_model_that_is_loaded_otherwise_is_refused(service: ModelService[str]) -> None:
    pinned = pin(loaded(service, horizon_len=7))
    service.shutdown()
    loaded(service, horizon_len=8)
    with pytest.raises(ConfigConflictError, match="another horizon_len"):
        make_ready(service, pinned, lambda: False)


def test_what_a_service_tells_of_its_weights_is_compared_with_a_model_of_this_process(
    service: ModelService[str],
) -> None:
    config = loaded(service)
    now = pin(config) | {"fingerprint": "f1"}
    known = {"source": config.source, "precision": config.precision}
    beside = {"backend": "gpu", "context_len": 7, "model_version": "of that service"}
    for told in (known, known | {"fingerprint": "f1"}, known | beside):
        check_pinned("fake", now, told)
    check_pinned("fake", pin(config), known | {"fingerprint": None})
    for name, other in (("source", "hf:another/one"), ("precision", "int8"), ("fingerprint", "f2")):
        with pytest.raises(ConfigConflictError, match=f"another {name} than"):
            check_pinned("fake", now, known | {name: other})


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("source", "hf:a/b@v2"),
        ("precision", "int8"),
        ("backend", "gpu"),
        ("context_len", None),
        ("horizon_len", 8),
        ("model_version", "hf:a/b@v1 (library 2.0)"),
        ("fingerprint", "f2"),
    ],
)
def test_whatever_a_service_tells_otherwise_than_at_the_beginning_is_a_conflict(name: str, now: Any) -> None:
    pinned = {
        "source": "hf:a/b@v1",
        "precision": "float32",
        "backend": "cpu",
        "context_len": 64,
        "horizon_len": 7,
        "model_version": "hf:a/b@v1 (library 1.0)",
        "fingerprint": "f1",
    }
    check_service("fake", dict(pinned), pinned)
    with pytest.raises(ConfigConflictError, match=f"another {name} than when this run began") as told:
        check_service("fake", pinned | {name: now}, pinned)
    assert told.value.details == {"loaded": pinned | {name: now}, "requested": pinned}


def test_a_model_with_other_weights_at_the_same_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = [1.0]
    monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: make_module(trained[0]))
    service = make_service()
    service.initialize()
    pinned = pin(*service.require_ready())
    service.shutdown()

    assert make_ready(service, pinned, lambda: False)
    service.shutdown()
    trained[0] = 2.0
    with pytest.raises(ConfigConflictError, match="another fingerprint"):
        make_ready(service, pinned, lambda: False)
    service.shutdown()


def test_a_worker_loads_what_a_service_began_by_its_own_settings(service: ModelService[str]) -> None:
    source = loaded(service).source
    service.shutdown()
    config, _ = make_ready(service, {"source": source, "precision": "float32"}, lambda: False)
    assert config.source == source
    service.shutdown()
    with pytest.raises(ConfigConflictError):
        make_ready(service, {"source": "local:/elsewhere"}, lambda: False)


def test_a_run_that_is_cancelled_loads_nothing() -> None:
    adapter = FakeAdapter()
    service = make_service(adapter)
    with pytest.raises(AbandonedError):
        make_ready(service, {"source": "x"}, lambda: True)
    assert service.snapshot.status == "uninitialized"
