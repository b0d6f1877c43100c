import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core import mlflow_registry
from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint, pin_checkpoint
from forecast.core.errors import CheckpointError, ShutDownError
from forecast.core.mlflow_registry import find_version
from forecast.core.mlflow_source import Artifact, choose_files, open_artifacts
from forecast.core.progress import Figures, tracked
from tests.core.weights.conftest import Recorded
from tests.core.weights.registry import Registry

WEIGHTS = bytes(range(256)) * 4000
FILES = {
    "MLmodel": b"flavors: {}",
    "python_model.pkl": b"evil",
    "model/config.json": b"{}",
    "model/model.safetensors": WEIGHTS,
    "model/notes.txt": b"hello",
}
TOTAL = len(WEIGHTS) + 2


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def sales(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with the model `sales`: version 1 as champion, 2 in Production, 3 the latest."""
    folder = write(tmp_path_factory.mktemp("sales"), FILES)
    registry.publish("sales", folder, alias="champion")
    registry.publish("sales", folder, stage="Production")
    registry.publish("sales", folder)
    registry.client.create_registered_model("empty")
    return registry


@pytest.fixture
def config(tmp_path: Path) -> ModelConfig:
    return ModelConfig(
        context_len=None,
        horizon_len=8,
        source_type="mlflow",
        mlflow_model_name="sales",
        local_dir=tmp_path,
        mlflow_cache_dir=tmp_path / "cache",
        mlflow_tracking_uri="http://127.0.0.1:9",  # nothing listens there
    )


def at(config: ModelConfig, registry: Registry, **changes: Any) -> ModelConfig:
    return config.model_copy(update={"mlflow_tracking_uri": registry.uri, **changes})


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ({}, "3"),
        ({"mlflow_model_alias": "champion"}, "1"),
        ({"mlflow_model_stage": "Production"}, "2"),
        ({"mlflow_model_stage": "production"}, "2"),
        ({"mlflow_model_version": "2"}, "2"),
    ],
)
def test_alias_stage_or_neither_stand_for_a_version(
    sales: Registry, config: ModelConfig, asked: dict[str, str], version: str
) -> None:
    pinned = pin_checkpoint(at(config, sales, **asked))
    assert pinned.source == f"mlflow:sales/{version}"
    assert pinned == at(config, sales, mlflow_model_version=version)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"mlflow_model_name": "none"}, "has no model 'none'."),
        ({"mlflow_model_name": "empty"}, "'empty' has no version"),
        ({"mlflow_model_name": "a/b"}, r"'a/b' could not be fetched \(INVALID_PARAMETER_VALUE\)"),
        ({"mlflow_model_alias": "best"}, "no version of alias 'best'; there is: champion"),
        ({"mlflow_model_stage": "Staging"}, "no version of stage 'Staging'; there is: None, Production"),
    ],
)
def test_what_the_registry_does_not_have_is_told(
    sales: Registry, config: ModelConfig, asked: dict[str, str], told: str
) -> None:
    with pytest.raises(CheckpointError, match=told):
        pin_checkpoint(at(config, sales, **asked))


def test_the_latest_version_is_the_highest_number_and_not_the_last_word() -> None:
    versions = [SimpleNamespace(version=number, current_stage="None") for number in ("9", "10", "2")]
    named = ModelConfig(context_len=None, horizon_len=1, local_dir=Path(), mlflow_model_name="sales")
    assert find_version(named, SimpleNamespace(latest_versions=versions, aliases={})) == "10"


def test_a_version_that_there_is_not_is_told(sales: Registry, config: ModelConfig) -> None:
    with pytest.raises(CheckpointError, match="has no model 'sales' of version 99") as refused:
        locate_checkpoint(at(config, sales, mlflow_model_version="99"))
    assert refused.value.details == {"mlflow_model_name": "sales", "mlflow_model_version": "99"}


def test_only_the_checkpoint_is_fetched_and_no_pickle(sales: Registry, config: ModelConfig) -> None:
    folder = locate_checkpoint(at(config, sales, mlflow_model_version="1"))
    assert read(folder) == {"config.json": b"{}", "model.safetensors": WEIGHTS}
    assert folder.is_relative_to(config.mlflow_cache_dir)


def test_what_was_fetched_once_is_not_fetched_again(sales: Registry, config: ModelConfig) -> None:
    wanted = at(config, sales, mlflow_model_version="1")
    first, again = Recorded(), Recorded()
    with tracked(first):
        folder = locate_checkpoint(wanted)
    with tracked(again):
        assert locate_checkpoint(wanted) == folder
    counts = [figures.bytes_done for figures in first.seen if figures.bytes_total == TOTAL]
    assert (counts[0], counts[-1]) == (0, TOTAL)
    assert len(set(counts)) > 10
    assert {figures.bytes_done for figures in again.seen if figures.bytes_total} == {TOTAL}


def test_a_cancelled_download_goes_on_where_it_ended(sales: Registry, config: ModelConfig) -> None:
    wanted = at(config, sales, mlflow_model_version="1")
    with pytest.raises(ShutDownError), tracked(Recorded(cancel_at=500_000)):
        locate_checkpoint(wanted)
    (partial,) = config.mlflow_cache_dir.rglob("*.incomplete")
    there = partial.stat().st_size
    assert 500_000 <= there < len(WEIGHTS)
    progress = Recorded()
    with tracked(progress):
        folder = locate_checkpoint(wanted)
    assert read(folder) == {"config.json": b"{}", "model.safetensors": WEIGHTS}
    assert next(figures for figures in progress.seen if figures.bytes_total) == Figures(
        "downloading", there + 2, TOTAL
    )
    counts = [figures.bytes_done or 0 for figures in progress.seen if figures.bytes_total]
    assert counts == sorted(counts)  # none was taken back, as when a server sends all of it again


def test_the_artifacts_of_a_run_and_of_a_logged_model_are_found(
    registry: Registry, config: ModelConfig, tmp_path: Path
) -> None:
    folder = write(tmp_path / "files", FILES)
    run = registry.client.create_run("0")
    registry.client.log_artifacts(run.info.run_id, str(folder), "deep/in")
    registry.register("by-run", f"runs:/{run.info.run_id}/deep", run.info.run_id)
    logged = registry.client.create_logged_model("0", name="logged")
    registry.client.log_model_artifacts(logged.model_id, str(folder))
    registry.client.finalize_logged_model(logged.model_id, "READY")
    registry.client.create_registered_model("by-model")
    registry.client.create_model_version("by-model", f"models:/{logged.model_id}", model_id=logged.model_id)
    for name in ("by-run", "by-model"):
        found = locate_checkpoint(pin_checkpoint(at(config, registry, mlflow_model_name=name)))
        assert read(found) == {"config.json": b"{}", "model.safetensors": WEIGHTS}


def test_artifacts_that_the_server_does_not_hand_out_are_refused(
    registry: Registry, config: ModelConfig
) -> None:
    registry.register("elsewhere", "s3://bucket/model", None)
    with pytest.raises(CheckpointError, match="mlflow:elsewhere/1 lie at 's3:'.*--serve-artifacts"):
        locate_checkpoint(pin_checkpoint(at(config, registry, mlflow_model_name="elsewhere")))


@pytest.mark.parametrize(
    "source",
    [
        "mlflow-artifacts://127.0.0.1:9/model",
        "http://127.0.0.1:9/api/2.0/mlflow-artifacts/artifacts/model",
    ],
)
def test_no_other_server_is_asked_with_the_credentials_of_this_one(
    registry: Registry, config: ModelConfig, source: str
) -> None:
    # MLflow's own server registers no such source; another, or an older one, may.
    client = SimpleNamespace(get_model_version_download_uri=lambda name, version: source)
    pinned = at(config, registry, mlflow_model_name="foreign").model_copy(
        update={"mlflow_model_version": "1"}
    )
    with pytest.raises(CheckpointError, match="mlflow:foreign/1 lie on another server"):
        open_artifacts(pinned, client)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("server", ["refuses", "silent"])
@pytest.mark.parametrize("version", [None, "1"])
def test_a_server_that_does_not_answer_is_told(
    config: ModelConfig,
    monkeypatch: pytest.MonkeyPatch,
    silent_server: str,
    server: str,
    version: str | None,
) -> None:
    monkeypatch.setattr(mlflow_registry, "SERVER_TIMEOUT_SECONDS", 0.3)
    uri = silent_server if server == "silent" else "http://127.0.0.1:9"
    wanted = config.model_copy(update={"mlflow_tracking_uri": uri, "mlflow_model_version": version})
    with pytest.raises(CheckpointError, match="MLflow server does not answer.*MLFLOW_TRACKING_URI") as told:
        locate_checkpoint(pin_checkpoint(wanted))
    assert uri not in told.value.detail


def test_the_client_is_told_to_send_nothing_home_and_not_to_try_for_minutes(
    config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CheckpointError):
        pin_checkpoint(config)
    telemetry = import_module("mlflow.telemetry.utils")
    assert telemetry.MLFLOW_DISABLE_TELEMETRY.get() is True
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (None, "the setting MLFLOW_TRACKING_URI names one"),
        ("sqlite:///mlflow.db", r"MLFLOW_TRACKING_URI is no http\(s\) address"),
        ("./mlruns", r"MLFLOW_TRACKING_URI is no http\(s\) address"),
    ],
)
def test_a_setting_that_names_no_server_is_told(config: ModelConfig, uri: str | None, told: str) -> None:
    with pytest.raises(CheckpointError, match=told):
        pin_checkpoint(config.model_copy(update={"mlflow_tracking_uri": uri}))


def chosen(paths: list[str], originals: tuple[str, ...] = ("*.ckpt",)) -> list[str]:
    return [file.path for file in choose_files([Artifact(path, 1) for path in paths], originals)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["config.json", "a.safetensors", "x.pkl", "x.ckpt"], ["config.json", "a.safetensors"]),
        (["a/b/config.json", "a/b/a.safetensors", "a/MLmodel"], ["a/b/config.json", "a/b/a.safetensors"]),
        (["a/x.ckpt", "a/b/config.json", "a/b/a.safetensors"], ["a/b/config.json", "a/b/a.safetensors"]),
        (["x.ckpt", "a/x.ckpt", "config.json"], ["x.ckpt", "config.json"]),
        (["a/a.safetensors", "b/c/a.safetensors"], ["a/a.safetensors"]),
        (["a.safetensors", "a/config.json"], ["a.safetensors"]),
        (["README.md", "a/a.safetensors", "a/README.md"], ["a/a.safetensors", "a/README.md"]),
    ],
)
def test_the_checkpoint_is_the_highest_folder_that_holds_one(paths: list[str], expected: list[str]) -> None:
    assert chosen(paths) == expected


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ([], "no checkpoint that this model reads"),
        (["model.pkl", "MLmodel", "config.json"], "no checkpoint that this model reads"),
        (["a/x.ckpt", "b/x.ckpt"], "several checkpoints: 'a', 'b'"),
    ],
)
def test_no_checkpoint_or_several_are_refused(paths: list[str], told: str) -> None:
    with pytest.raises(CheckpointError, match=told):
        chosen(paths)
    with pytest.raises(CheckpointError, match="no checkpoint that this model reads"):
        chosen(["x.ckpt"], originals=())


@given(
    st.lists(
        st.lists(st.sampled_from(["..", ".", "", "a", "config.json", "a.safetensors", "x.ckpt"]), min_size=1)
    )
)
def test_no_path_of_an_artifact_leads_out_of_the_folder(parts: list[list[str]]) -> None:
    artifacts = [Artifact("/".join(part), 1) for part in parts]
    try:
        files = choose_files(artifacts, ("*.ckpt",))
    except CheckpointError:
        return
    assert {file.name for file in files} <= {"config.json", "a.safetensors", "x.ckpt"}
