import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from forecast.core.errors import CheckpointError
from forecast.models.flowstate91m.tests import tiny
from forecast.models.flowstate91m.tests.asking import ADAPTER, configure, make_task, predict_one, walk

ROOT = Path(__file__).parents[4]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    tiny.write(tmp_path)
    return tmp_path / "tiny" / "config.json"


def change(config: Path, **fields: Any) -> None:
    config.write_text(json.dumps(json.loads(config.read_text()) | fields))


def load(folder: Path) -> Any:
    return ADAPTER.load(configure(folder, "tiny"))


def empty(place: Path) -> None:
    (place / "model.safetensors").unlink()


def halve(place: Path) -> None:
    path = place / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_the_config(place: Path) -> None:
    (place / "config.json").unlink()


def lose_a_tensor(place: Path) -> None:
    tensors = load_file(place / "model.safetensors")
    del tensors["model.decoder.lin.bias"]
    save_file(tensors, place / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (empty, r"no folder with config\.json and safetensors"),
        (halve, "could not be read as this model"),
        (lose_the_config, "model type is 'unknown', not 'flowstate'"),
        (lose_a_tensor, "lacks 1 of the model's tensors"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    tmp_path: Path, config: Path, damage: Callable[[Path], None], told: str
) -> None:
    damage(config.parent)
    with pytest.raises(CheckpointError, match=told):
        load(tmp_path)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model_type": "t5"}, "model type is 't5', not 'flowstate'"),
        ({"encoder_num_layers": 3}, "lacks 12 of the model's tensors"),
        ({"decoder_dim": 10}, "could not be read as this model"),
        ({"encoder_num_hippo_blocks": 3}, "could not be read as this model"),
        ({"decoder_type": "spline"}, "could not be read as this model"),
        ({"quantiles": [0.9, 0.1] * 4 + [0.5]}, "do not ascend between 0 and 1"),
        ({"quantiles": [step / 8 for step in range(9)]}, "do not ascend between 0 and 1"),
    ],
)
def test_a_config_that_is_not_of_these_weights_is_refused(
    tmp_path: Path, config: Path, fields: dict[str, Any], told: str
) -> None:
    change(config, **fields)
    with pytest.raises(CheckpointError, match=told):
        load(tmp_path)


def test_a_file_is_no_checkpoint(tmp_path: Path, config: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no folder with config\.json and safetensors"):
        ADAPTER.load(configure(tmp_path, "tiny/config.json"))


def test_loading_a_checkpoint_as_it_was_first_published_says_nothing(
    tmp_path: Path, config: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    change(config, prediction_type="quantile", use_freq=True, transformers_version="4.56.0")
    capfd.readouterr()
    with caplog.at_level(logging.WARNING):
        loaded = load(tmp_path)
        predict_one(loaded, make_task(walk(40)))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_in_a_new_process_the_library_is_all_that_comes_and_nothing_is_said(
    tmp_path: Path, config: Path
) -> None:
    change(config, prediction_type="quantile")
    program = (
        "import logging, pathlib, sys\n"
        "from forecast.models.flowstate91m.tests.asking import ADAPTER, configure\n"
        "before = set(sys.modules)\n"
        f"ADAPTER.load(configure(pathlib.Path({str(tmp_path)!r}), 'tiny'))\n"
        "new = set(sys.modules) - before\n"
        "assert logging.getLogger().handlers == []\n"
        "assert not new & {'datasets', 'sklearn', 'deprecated', 'einops'}, new\n"
        "own = sorted(name for name in sys.modules if name.startswith('tsfm_public.'))\n"
        "package = 'tsfm_public.models.flowstate'\n"
        "assert own == ['tsfm_public.models', package, package + '.configuration_flowstate',"
        " package + '.modeling_flowstate'], own\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
