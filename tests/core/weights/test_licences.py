"""Licences of checkpoints that come from servers."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint, pin_checkpoint
from forecast.core.errors import LicenceError
from tests.core.weights.hub import Hub
from tests.core.weights.registry import Registry

REPOSITORY, NC = "google/tiny", "cc-by-nc-4.0"


def config(folder: Path, accepted: str | None = None) -> ModelConfig:
    return ModelConfig(
        context_len=None,
        horizon_len=8,
        local_dir=folder,
        checkpoint=REPOSITORY,
        allowed_repositories=("google/*",),
        accept_licence=accepted,
    )


def publish(hub: Hub, licence: str | None, config: str = "{}") -> None:
    """Publish a repository whose card and README.md say the same."""
    files = {"config.json": config.encode(), "model.safetensors": b"weights", "run.py": b"raise SystemExit"}
    if licence is not None:
        files["README.md"] = f"---\nlicense: {licence}\n---\n# Tiny\n".encode()
        hub.cards[REPOSITORY] = {"license": licence}
    hub.publish(REPOSITORY, files)


def test_nothing_is_downloaded_before_the_licence_is_accepted(hub: Hub, tmp_path: Path) -> None:
    publish(hub, NC)
    for sent in (None, "mit"):
        with pytest.raises(LicenceError, match=NC) as refused:
            locate_checkpoint(config(tmp_path, sent))
        assert refused.value.details["accept_licence"] == NC
    assert {(method, path) for method, path, _ in hub.asked} == {("GET", f"/api/models/{REPOSITORY}")}
    assert not Path(huggingface_hub.constants.HF_HUB_CACHE).exists()


def test_an_accepted_checkpoint_is_downloaded_with_its_card(hub: Hub, tmp_path: Path) -> None:
    publish(hub, NC)
    folder = locate_checkpoint(config(tmp_path, NC))
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_cached_checkpoint_is_refused_by_its_card_when_the_hub_is_away(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, NC)
    locate_checkpoint(config(tmp_path, NC))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert locate_checkpoint(config(tmp_path, NC)).is_dir()
    with pytest.raises(LicenceError, match=NC):
        locate_checkpoint(config(tmp_path))


def test_what_only_the_downloaded_config_tells_is_refused_before_it_is_read(hub: Hub, tmp_path: Path) -> None:
    publish(hub, None, json.dumps({"license": "acme-nc"}))
    with pytest.raises(LicenceError, match="acme-nc"):
        locate_checkpoint(config(tmp_path))
    assert locate_checkpoint(config(tmp_path, "acme-nc")).is_dir()


def test_what_states_no_licence_cannot_be_accepted_by_one(hub: Hub, tmp_path: Path) -> None:
    publish(hub, None)
    with pytest.raises(LicenceError, match="states no licence"):
        locate_checkpoint(config(tmp_path, "mit"))
    assert locate_checkpoint(config(tmp_path)).is_dir()


def test_a_checkpoint_of_a_free_licence_needs_no_acceptance(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "apache-2.0")
    assert locate_checkpoint(config(tmp_path)).is_dir()
    with pytest.raises(LicenceError, match="'apache-2.0', not 'cc-by-nc-4.0'"):
        locate_checkpoint(config(tmp_path, NC))


def test_the_card_among_the_artifacts_of_an_mlflow_model_counts(registry: Registry, tmp_path: Path) -> None:
    for name, content in (("config.json", "{}"), ("README.md", f"---\nlicense: {NC}\n---\n")):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_text(content)
    (tmp_path / "model/model.safetensors").write_bytes(b"weights")
    registry.publish("licensed", tmp_path / "model")
    asked = ModelConfig(
        context_len=None,
        horizon_len=8,
        source_type="mlflow",
        mlflow_model_name="licensed",
        local_dir=tmp_path,
        mlflow_cache_dir=tmp_path / "cache",
        mlflow_tracking_uri=registry.uri,
    )
    pinned = pin_checkpoint(asked)
    with pytest.raises(LicenceError, match=f"mlflow:licensed/1 is '{NC}'"):
        locate_checkpoint(pinned)
    assert locate_checkpoint(pinned.model_copy(update={"accept_licence": NC})).is_dir()
