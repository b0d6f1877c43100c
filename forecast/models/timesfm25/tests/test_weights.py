import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from forecast.core.errors import CheckpointError
from forecast.models.timesfm25.services.model import TimesFM25Adapter
from forecast.models.timesfm25.tests import tiny
from tests.pretrained import configure


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def load(folder: Path, path: str) -> Any:
    return TimesFM25Adapter().load(configure(folder, path))


def change(folder: Path, **changes: Any) -> None:
    """Rewrite the tensors of a folder; None leaves one out."""
    file = folder / "model.safetensors"
    tensors = load_file(file) | {name.replace("__", "."): tensor for name, tensor in changes.items()}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, file)


def test_a_file_by_itself_is_read_too(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    loaded = load(tmp_path, "tiny/model.safetensors")
    assert (loaded.model.model.x, loaded.model.model.h, loaded.model.model.os) == (2, 4, 1024)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="The checkpoint has no safetensors"):
        load(tmp_path, "empty")


@pytest.mark.parametrize("write", [tiny.write, tiny.write_transformers])
def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path, write: Any) -> None:
    folder = tmp_path / write(tmp_path)["local_model_path"]
    names = load_file(folder / "model.safetensors")
    lacking = next(name for name in names if name.endswith("residual_layer.bias"))
    change(folder, **{lacking.replace(".", "__"): None})
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, folder.name)


def test_weights_with_a_tensor_too_many_are_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    spare = load_file(tmp_path / "tiny" / "model.safetensors")["tokenizer.hidden_layer.bias"]
    change(tmp_path / "tiny", spare=spare)
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "tiny")


def test_truncated_safetensors_are_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    file = tmp_path / "tiny" / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "tiny")


@pytest.mark.parametrize("kind", ["timesfm", "t5"])
def test_a_config_that_names_another_model_is_refused(tmp_path: Path, kind: str) -> None:
    tiny.write(tmp_path)
    (tmp_path / "tiny" / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(CheckpointError, match=rf"is not TimesFM 2\.5: its model type is '{kind}'"):
        load(tmp_path, "tiny")


def test_loading_says_nothing_on_the_console(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny.write(tmp_path)
    tiny.write_transformers(tmp_path)
    capfd.readouterr()
    load(tmp_path, "tiny")
    load(tmp_path, "transformers")
    assert capfd.readouterr() == ("", "")
