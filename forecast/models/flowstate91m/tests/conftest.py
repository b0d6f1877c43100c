from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forecast.models.flowstate91m.services.model import LoadedFlowState
from forecast.models.flowstate91m.tests import tiny
from forecast.models.flowstate91m.tests.asking import ADAPTER, configure
from tests.pretrained import one_thread_offline


@pytest.fixture(scope="package", autouse=True)
def _offline_and_alone() -> Iterator[None]:
    with one_thread_offline():
        yield


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
