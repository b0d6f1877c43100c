import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from forecast.models.flowstate91m.services.model import LoadedFlowState
from forecast.models.flowstate91m.tests import tiny
from forecast.models.flowstate91m.tests.asking import ADAPTER, configure


@pytest.fixture(scope="package", autouse=True)
def _offline_and_alone() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # A tiny model only waits for its threads.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("local")
    for write in (tiny.write, tiny.write_r1_1, tiny.write_without_masks):
        write(place)
    return place


@pytest.fixture(scope="package")
def loaded(folder: Path) -> LoadedFlowState:
    return ADAPTER.load(configure(folder, "tiny"))


@pytest.fixture(scope="package")
def library(folder: Path, loaded: LoadedFlowState) -> Any:
    """The library's own model, with a state of its own."""
    return type(loaded.model).from_pretrained(folder / "tiny").eval()
