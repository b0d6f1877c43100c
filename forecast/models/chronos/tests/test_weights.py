import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from forecast.core.errors import BackendError, CheckpointError
from forecast.core.weights import fingerprint
from forecast.models.chronos.tests.making import ADAPTER, configure


@pytest.fixture(params=["tiny", "bolt", "t5"])
def copy(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / request.param, tmp_path / "copy"))


def refusal(copy: Path, name: str = "copy") -> str:
    with pytest.raises(CheckpointError) as refused:
        ADAPTER.load(configure(copy.parent, name))
    assert refused.value.status == 422
    assert str(copy.parent) not in refused.value.detail
    return refused.value.detail


def edit(copy: Path, **changes: Any) -> None:
    config = json.loads((copy / "config.json").read_text()) | changes
    kept = {name: value for name, value in config.items() if value is not None}
    (copy / "config.json").write_text(json.dumps(kept))


def test_a_truncated_file_is_refused(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.chmod(0o600)
    weights.write_bytes(weights.read_bytes()[:-100])
    assert refusal(copy).startswith("The checkpoint local:copy could not be read as this model")


@pytest.mark.parametrize("content", ["", "{", "\0"])
def test_a_config_that_is_no_json_is_refused(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)
    assert refusal(copy).startswith("The checkpoint local:copy could not be read as this model")


@pytest.mark.parametrize("content", ["[]", "null", '"chronos"', '{"chronos_config": []}'])
def test_a_config_of_something_else_is_refused(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)
    assert refusal(copy) == "The checkpoint is no Chronos: its config.json has no 'chronos_config'."


def test_a_missing_tensor_is_refused(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    # The library fills the first of these at random without a word.
    name = next(
        (n for n in tensors if n.startswith("output_patch_embedding")), "encoder.final_layer_norm.weight"
    )
    del tensors[name]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    assert refusal(copy) == "The checkpoint lacks 1 of the model's tensors."


def test_a_tensor_of_another_shape_is_refused(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    tensors["encoder.final_layer_norm.weight"] = torch.ones(31)
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    assert "could not be read as this model" in refusal(copy)


def test_weights_in_another_format_are_refused(copy: Path) -> None:
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert refusal(copy) == "The checkpoint has no safetensors; weights in other formats are not read."


def test_another_model_is_refused(copy: Path) -> None:
    edit(copy, chronos_config=None, chronos_pipeline_class=None)
    assert refusal(copy) == "The checkpoint is no Chronos: its config.json has no 'chronos_config'."


@pytest.mark.parametrize("name", ["BaseChronosPipeline", "os.system", 3, ["ChronosPipeline"], {}])
def test_an_unknown_pipeline_is_refused(copy: Path, name: Any) -> None:
    edit(copy, chronos_pipeline_class=name)
    assert refusal(copy) == f"The checkpoint's pipeline '{name}' is not Chronos-2, Bolt or T5."


@pytest.mark.parametrize("names", [["Path"], ["T5Config"], [], "Chronos2Model", None, [["x"]]])
def test_an_unknown_architecture_is_refused(copy: Path, names: Any) -> None:
    edit(copy, architectures=names)
    assert refusal(copy).startswith(f"The checkpoint's architecture {names} is not ")


def test_a_config_of_remote_code_is_refused(copy: Path) -> None:
    (copy / "evil.py").write_text("raise SystemExit('remote code ran')")
    edit(copy, model_type="evil", auto_map={"AutoConfig": "evil.Evil", "AutoModelForSeq2SeqLM": "evil.Evil"})
    assert "architecture" in refusal(copy)


def test_remote_code_beside_a_known_model_is_not_run(copy: Path) -> None:
    (copy / "evil.py").write_text("raise SystemExit('remote code ran')")
    edit(copy, auto_map={"AutoConfig": "evil.Evil", "AutoModelForSeq2SeqLM": "evil.Evil"})
    assert ADAPTER.load(configure(copy.parent, "copy")).pipeline


def test_an_incomplete_chronos_config_is_refused(copy: Path) -> None:
    edit(copy, chronos_config={"context_length": 64})
    assert "could not be read as this model" in refusal(copy)


def test_a_lora_adapter_is_refused(copy: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    assert "LoRA" in refusal(copy)


def test_a_file_or_an_empty_folder_is_refused(copy: Path) -> None:
    expected = "The checkpoint is no folder with config.json and safetensors."
    assert refusal(copy, "copy/model.safetensors") == expected
    (copy.parent / "empty").mkdir()
    assert refusal(copy, "empty") == expected
    assert "There is no local checkpoint" in refusal(copy, "none")


@pytest.mark.parametrize("name", ["tiny", "bolt"])
def test_a_checkpoint_without_the_median_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(folder / name, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())["chronos_config"]
    levels = [level if level != 0.5 else 0.51 for level in config["quantiles"]]
    edit(copy, chronos_config=config | {"quantiles": levels})
    assert "0.5" in refusal(copy)


def test_a_backend_that_the_host_has_not_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match="available: cpu"):
        ADAPTER.load(configure(folder, "tiny").model_copy(update={"backend": "gpu"}))


def test_loading_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("tiny", "bolt", "t5"):
        ADAPTER.load(configure(folder, name))
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_has_one_fingerprint_until_it_is_replaced(copy: Path) -> None:
    def read() -> str:
        return fingerprint(ADAPTER.module(ADAPTER.load(configure(copy.parent, "copy"))))

    before = read()
    assert read() == before
    trained = {name: tensor * 1.01 for name, tensor in load_file(copy / "model.safetensors").items()}
    save_file(trained, copy / "model.safetensors", {"format": "pt"})
    assert read() != before
