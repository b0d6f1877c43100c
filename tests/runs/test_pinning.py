from collections.abc import Iterator
from typing import Any

import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.errors import AbandonedError, ConfigConflictError
from forecast.core.lifecycle import ModelService
from forecast.core.schemas import InitializationRequest
from forecast.runs.pinning import check_pinned, make_ready, pin
from tests.fakes import FakeAdapter, make_service


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
    for told in ({"source": config.source, "precision": config.precision}, {"source": config.source}):
        check_pinned("fake", config, {"precision": None, **told})
    for other in ({"source": "hf:another/one"}, {"source": config.source, "precision": "int8"}):
        with pytest.raises(ConfigConflictError):
            check_pinned("fake", config, other)


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
