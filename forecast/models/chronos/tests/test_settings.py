from pathlib import Path

import pytest
from pydantic import ValidationError

from forecast.core.adapter import ModelConfig
from forecast.core.schemas import InitializationRequest
from forecast.models.chronos.schemas.schema import ChronosSettings

NAMES = (
    "CHRONOS_DEFAULT_BACKEND",
    "CHRONOS_DEVICE",
    "CHRONOS_DEFAULT_CHECKPOINT",
    "CHRONOS_MODEL_ID",
    "CHRONOS_BATCH_SIZE",
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENV_FILE", "/dev/null")


def resolve() -> ModelConfig:
    return ChronosSettings().resolve(InitializationRequest(), Path("folder"))


def test_chronos2_on_the_cpu_is_the_default() -> None:
    config = resolve()
    assert (config.checkpoint, config.backend, config.batch_size) == ("amazon/chronos-2", "cpu", None)
    assert ChronosSettings().model_port == 8002


def test_the_names_that_chronos_users_know_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", "amazon/chronos-bolt-small")
    monkeypatch.setenv("CHRONOS_DEVICE", "cuda")
    monkeypatch.setenv("CHRONOS_BATCH_SIZE", "8")
    config = resolve()
    assert (config.checkpoint, config.backend, config.batch_size) == ("amazon/chronos-bolt-small", "gpu", 8)


@pytest.mark.parametrize(("name", "value"), [("CHRONOS_DEVICE", "cpu"), ("CHRONOS_DEVICE", "mps")])
def test_a_device_is_a_backend(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert resolve().backend == value


def test_an_unknown_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_DEVICE", "xpu")
    with pytest.raises(ValidationError, match="'cpu', 'gpu', 'tpu' or 'mps'"):
        ChronosSettings()


def test_the_gateways_own_names_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", "amazon/chronos-bolt-small")
    monkeypatch.setenv("CHRONOS_DEFAULT_CHECKPOINT", "amazon/chronos-t5-tiny")
    monkeypatch.setenv("CHRONOS_DEVICE", "cuda")
    monkeypatch.setenv("CHRONOS_DEFAULT_BACKEND", "mps")
    assert (resolve().checkpoint, resolve().backend) == ("amazon/chronos-t5-tiny", "mps")


def test_the_environment_goes_before_the_file_whatever_the_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "CHRONOS_DEFAULT_CHECKPOINT=amazon/chronos-2\nCHRONOS_DEFAULT_BACKEND=cpu\n"
    )
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("CHRONOS_MODEL_ID", "amazon/chronos-bolt-mini")
    monkeypatch.setenv("CHRONOS_DEVICE", "cuda")
    assert (resolve().checkpoint, resolve().backend) == ("amazon/chronos-bolt-mini", "gpu")
