from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from forecast.core import fit
from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import reading
from forecast.core.errors import InsufficientMemoryError
from forecast.core.fit import check_fit, free_bytes, needed_bytes

MEGABYTE = 1024**2


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Ten megabytes of weights in half precision: twenty once they are read."""
    folder = tmp_path / "mine"
    folder.mkdir()
    half = np.zeros((5, MEGABYTE // 2), np.float16)
    save_file({"first": half}, folder / "model-1.safetensors")
    save_file({"second": half}, folder / "model-2.safetensors")
    return folder


def configure(folder: Path, **changes: Any) -> ModelConfig:
    return ModelConfig(
        context_len=None,
        horizon_len=8,
        source_type="local",
        local_model_path="mine",
        local_dir=folder,
        **changes,
    )


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that tells nothing of its memory, until a test writes what it tells."""
    monkeypatch.setattr(fit, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(fit, "_LIMITS", tmp_path)
    return tmp_path


def free(host: Path, megabytes: int) -> None:
    (host / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {1024 * megabytes} kB\n")


@pytest.mark.parametrize(("precision", "share"), [("float32", 1.1), ("bfloat16", 1.6), ("int8", 1.6)])
def test_what_is_needed_follows_the_weights_in_float32(
    checkpoint: Path, precision: Any, share: float
) -> None:
    assert needed_bytes(checkpoint, precision) == round(share * 20 * MEGABYTE) + 256 * MEGABYTE


def test_original_weights_count_by_the_size_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "torch_model.ckpt").write_bytes(bytes(MEGABYTE))
    needed = round(1.1 * MEGABYTE) + 256 * MEGABYTE
    assert needed_bytes(tmp_path, "float32") == needed
    assert needed_bytes(tmp_path / "torch_model.ckpt", "float32") == needed


def test_a_checkpoint_that_does_not_fit_is_refused_with_the_numbers(host: Path, checkpoint: Path) -> None:
    free(host, 277)
    told = "local:mine needs about 278 MB, and 277 MB are free on this host"
    with (
        pytest.raises(InsufficientMemoryError, match=told) as refused,
        reading(configure(checkpoint.parent), checkpoint),
    ):
        pytest.fail("it was read")
    assert refused.value.status == 409
    assert refused.value.details == {
        "needed_bytes": round(1.1 * 20 * MEGABYTE) + 256 * MEGABYTE,
        "free_bytes": 277 * MEGABYTE,
    }


def test_force_loads_it_nevertheless(host: Path, checkpoint: Path) -> None:
    free(host, 277)
    check_fit(checkpoint, configure(checkpoint.parent, force=True))


def test_what_fits_passes(host: Path, checkpoint: Path) -> None:
    free(host, 279)
    check_fit(checkpoint, configure(checkpoint.parent))


def test_a_host_that_does_not_tell_refuses_nothing(host: Path, checkpoint: Path) -> None:
    assert free_bytes("cpu") is None
    check_fit(checkpoint, configure(checkpoint.parent))


@pytest.mark.parametrize(("limit", "megabytes"), [("max", 5000), (str(1000 * MEGABYTE), 700)])
def test_a_containers_limit_counts_where_it_is_lower(host: Path, limit: str, megabytes: int) -> None:
    free(host, 5000)
    (host / "memory.max").write_text(f"{limit}\n")
    (host / "memory.current").write_text(f"{400 * MEGABYTE}\n")
    (host / "memory.stat").write_text(f"anon 7\ninactive_file {100 * MEGABYTE}\n")
    assert free_bytes("cpu") == megabytes * MEGABYTE
