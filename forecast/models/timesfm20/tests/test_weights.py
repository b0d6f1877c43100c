import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from forecast.core.adapter import ModelConfig
from forecast.core.errors import CheckpointError
from forecast.models.timesfm20.services.model import TimesFM20Adapter
from forecast.models.timesfm20.tests import tiny


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")


def load(folder: Path, path: str) -> Any:
    return TimesFM20Adapter().load(
        ModelConfig(
            context_len=64, horizon_len=24, source_type="local", local_model_path=path, local_dir=folder
        )
    )


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no local checkpoint 'absent'"):
        load(tmp_path, "absent")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"neither config\.json with safetensors nor a \.ckpt file"):
        load(tmp_path, "empty")


def test_another_models_folder_is_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    config = tmp_path / "tiny" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "t5"}))
    with pytest.raises(CheckpointError, match="model type is 't5', not 'timesfm'"):
        load(tmp_path, "tiny")


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    config = tmp_path / "tiny" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match="lacks 16 of the model's tensors"):
        load(tmp_path, "tiny")


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    config = tmp_path / "tiny" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": 40}))
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "tiny")


def test_truncated_safetensors_are_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    halve(tmp_path / "tiny" / "model.safetensors")
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "tiny")


def test_a_folder_without_its_config_is_refused(tmp_path: Path) -> None:
    tiny.write(tmp_path)
    (tmp_path / "tiny" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="model type is 'unknown'"):
        load(tmp_path, "tiny")


def test_a_truncated_original_is_refused(tmp_path: Path) -> None:
    tiny.write_original(tmp_path)
    halve(tmp_path / "original" / "torch_model.ckpt")
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "original")


@pytest.mark.parametrize("left_out", ["freq_emb.weight", "stacked_transformer.layers.1.mlp.gate_proj.bias"])
def test_an_original_that_lacks_a_tensor_is_refused(tmp_path: Path, left_out: str) -> None:
    tensors = tiny.original_tensors()
    del tensors[left_out]
    torch.save(tensors, tmp_path / "torch_model.ckpt")
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "torch_model.ckpt")


def test_an_original_of_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "torch_model.ckpt")
    with pytest.raises(CheckpointError, match="could not be read as this model"):
        load(tmp_path, "torch_model.ckpt")


def test_an_original_of_timesfm_1_is_refused(tmp_path: Path) -> None:
    tensors = tiny.original_tensors()
    for layer in range(2, 20):
        tensors[f"stacked_transformer.layers.{layer}.self_attn.scaling"] = torch.ones(8)
    torch.save(tensors, tmp_path / "torch_model.ckpt")
    with pytest.raises(CheckpointError, match=r"TimesFM 1\.0, not 2\.0"):
        load(tmp_path, "torch_model.ckpt")


class Malice:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.write_text, (self.target, "executed")


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_pickle_with_code_in_it_is_refused_and_never_run(tmp_path: Path, write: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / "torch_model.ckpt"
    if write == "torch":
        torch.save({"freq_emb.weight": Malice(mark)}, path)
    else:
        path.write_bytes(pickle.dumps(Malice(mark), protocol=2))
    with pytest.raises(CheckpointError, match="it holds more than tensors"):
        load(tmp_path, "torch_model.ckpt")
    assert not mark.exists()


def test_loading_says_nothing_on_the_console(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny.write(tmp_path)
    capfd.readouterr()
    load(tmp_path, "tiny")
    assert capfd.readouterr() == ("", "")
