import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import OutOfMemoryError

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint, reading
from forecast.core.errors import CheckpointError, ForbiddenError, InsufficientMemoryError
from forecast.core.model_settings import ModelSettings
from forecast.core.schemas import InitializationRequest


def config(folder: Path, **changes: Any) -> ModelConfig:
    given: dict[str, Any] = {"context_len": None, "horizon_len": 8, "local_dir": folder}
    return ModelConfig(**(given | changes))


def local(folder: Path, path: str) -> Path:
    return locate_checkpoint(config(folder, source_type="local", local_model_path=path))


def test_a_local_checkpoint_is_found_in_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert local(tmp_path, "mine") == tmp_path / "mine"


def test_a_missing_local_checkpoint_is_told_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / ".gitkeep").touch()
    with pytest.raises(CheckpointError, match="no local checkpoint 'yours'; there is: mine") as refused:
        local(tmp_path, "yours")
    assert str(tmp_path) not in refused.value.detail


@pytest.mark.parametrize("path", ["..", "../other", "/etc/passwd", "mine/../../other"])
def test_a_path_out_of_the_models_folder_is_forbidden(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(ForbiddenError, match="out of the model's local folder"):
        local(folder, path)


def test_a_link_out_of_the_models_folder_is_forbidden(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "link").symlink_to("/etc")
    with pytest.raises(ForbiddenError):
        local(folder, "link")


@pytest.mark.parametrize("repository", ["evil/model", "googleevil/x", "x/google/y"])
def test_a_repository_that_is_not_allowed_is_forbidden(tmp_path: Path, repository: str) -> None:
    allowed = config(tmp_path, checkpoint=repository, allowed_repositories=("google/*", "amazon/*"))
    with pytest.raises(ForbiddenError, match=r"allowed: google/\*, amazon/\*"):
        locate_checkpoint(allowed)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("hub", ["switched off", "refuses", "silent"])
def test_a_repository_that_cannot_be_reached_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_server: str, hub: str
) -> None:
    import huggingface_hub.constants

    from forecast.core import hub as core_hub

    monkeypatch.setattr(core_hub, "HUB_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", hub == "switched off")
    # Nothing listens on port 9: the connection is refused as if the Hub were down.
    endpoint = silent_server if hub == "silent" else "http://127.0.0.1:9"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    wanted = config(tmp_path, checkpoint="google/none", revision="abc", allowed_repositories=("google/*",))
    with pytest.raises(
        CheckpointError, match="'google/none' at revision 'abc' could not be fetched"
    ) as refused:
        locate_checkpoint(wanted)
    for remedy in ("local_model_path", "HF_HOME", "HF_TOKEN"):
        assert remedy in refused.value.detail
    assert str(tmp_path) not in refused.value.detail


def test_a_checkpoint_in_the_cache_is_found_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--google--tiny" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    assert (
        locate_checkpoint(config(tmp_path, checkpoint="google/tiny", allowed_repositories=("*",))) == snapshot
    )


def test_no_checkpoint_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No checkpoint is named"):
        locate_checkpoint(config(tmp_path))


def test_what_cannot_be_read_is_told_by_its_source_and_without_paths(tmp_path: Path) -> None:
    with (
        pytest.raises(CheckpointError, match=r"local:mine could not be read as this model \(OSError\)"),
        reading(config(tmp_path, source_type="local", local_model_path="mine"), tmp_path),
    ):
        raise OSError(f"{tmp_path}/model.safetensors")


@pytest.mark.parametrize("error", [MemoryError, OutOfMemoryError])
def test_memory_that_ends_while_reading_is_no_fault_of_the_checkpoint(
    tmp_path: Path, error: type[Exception]
) -> None:
    with (
        pytest.raises(InsufficientMemoryError, match="memory ended while the checkpoint local:mine was read"),
        reading(config(tmp_path, source_type="local", local_model_path="mine"), tmp_path),
    ):
        raise error


class WeightSettings(ModelSettings, env_prefix="WEIGHTS_"):
    default_checkpoint: str | None = "google/default"
    default_revision: str | None = "v1"


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        ({}, "hf:google/default@v1"),
        ({"checkpoint": "google/other"}, "hf:google/other"),
        ({"checkpoint": "google/other", "revision": "v2"}, "hf:google/other@v2"),
        ({"revision": "v3"}, "hf:google/default@v3"),
        ({"revision": "main"}, "hf:google/default"),
        ({"checkpoint": "google/other", "revision": "main"}, "hf:google/other"),
        ({"local_model_path": "mine"}, "local:mine"),
        ({"local_model_path": "mine", "source_type": "local"}, "local:mine"),
        ({"local_model_path": "./mine"}, "local:mine"),
        ({"local_model_path": "mine//v1/"}, "local:mine/v1"),
    ],
)
def test_the_source_follows_from_the_request_and_the_defaults(
    tmp_path: Path, asked: dict[str, Any], source: str
) -> None:
    made = WeightSettings().resolve(InitializationRequest(**asked), tmp_path)
    assert made.source == source
    assert made.local_dir == tmp_path / "local"


def test_a_default_local_checkpoint_serves_requests_that_name_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTS_DEFAULT_LOCAL_MODEL_PATH", "mine")
    settings = WeightSettings()
    assert settings.resolve(InitializationRequest(), tmp_path).source == "local:mine"
    named = InitializationRequest(checkpoint="google/other")
    assert settings.resolve(named, tmp_path).source == "hf:google/other"
    pinned = InitializationRequest(revision="v2")
    assert settings.resolve(pinned, tmp_path).source == "hf:google/default@v2"


def test_only_listed_repositories_are_allowed_by_default() -> None:
    assert ModelSettings().allowed_repositories == (
        "google/*",
        "amazon/*",
        "autogluon/*",
        "ibm-granite/*",
        "ibm-research/*",
    )
