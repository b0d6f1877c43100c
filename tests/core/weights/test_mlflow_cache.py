from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf.json_format import ParseError

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint
from forecast.core.errors import CheckpointError
from forecast.core.mlflow_registry import ask_registry
from forecast.core.mlflow_source import Artifact, _fill
from tests.core.weights.registry import Registry

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40}


@pytest.fixture
def source(registry: Registry, tmp_path: Path) -> tuple[str, str]:
    """Where the artifacts of a run lie that hold a checkpoint, and the run."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    run = registry.client.create_run("0")
    for name in FILES:
        registry.client.log_artifact(run.info.run_id, str(tmp_path / name), "model")
    return f"{run.info.artifact_uri}/model", run.info.run_id


@pytest.fixture
def config(registry: Registry, tmp_path: Path) -> ModelConfig:
    return ModelConfig(
        context_len=None,
        horizon_len=8,
        source_type="mlflow",
        mlflow_model_version="1",
        local_dir=tmp_path,
        mlflow_cache_dir=tmp_path / "cache",
        mlflow_tracking_uri=registry.uri,
    )


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_that_was_cut_short_in_the_cache_is_fetched_again(
    registry: Registry, config: ModelConfig, source: tuple[str, str]
) -> None:
    registry.register("cut", *source)
    wanted = config.model_copy(update={"mlflow_model_name": "cut"})
    (locate_checkpoint(wanted) / "model.safetensors").write_bytes(b"cut short")
    assert read(locate_checkpoint(wanted)) == FILES


def test_two_versions_of_one_source_have_folders_of_their_own(
    registry: Registry, config: ModelConfig, source: tuple[str, str]
) -> None:
    versions = [registry.register("twice", *source) for _ in range(2)]
    folders = {
        locate_checkpoint(
            config.model_copy(update={"mlflow_model_name": "twice", "mlflow_model_version": version})
        )
        for version in versions
    }
    assert len(folders) == 2


def test_a_file_of_unknown_size_is_refused(registry: Registry, tmp_path: Path) -> None:
    repository = SimpleNamespace(artifact_uri=registry.uri)
    with pytest.raises(CheckpointError, match=r"does not tell the size of 'model\.safetensors'"):
        _fill(tmp_path, [Artifact("model/model.safetensors", None)], repository)


@pytest.mark.parametrize("error", [ValueError, ParseError])
def test_what_the_client_cannot_read_of_an_answer_is_told(
    config: ModelConfig, error: type[Exception]
) -> None:
    wanted = config.model_copy(update={"mlflow_model_name": "odd"})
    with (
        pytest.raises(CheckpointError, match=rf"'odd' could not be fetched \({error.__name__}\)"),
        ask_registry(wanted),
    ):
        raise error("not what was asked for")
