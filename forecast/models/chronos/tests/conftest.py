from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forecast.models.chronos.services.model import LoadedChronos
from forecast.models.chronos.tests import tiny
from forecast.models.chronos.tests.making import ADAPTER, configure
from tests.pretrained import one_thread_offline


@pytest.fixture(scope="package", autouse=True)
def _one_thread_offline() -> Iterator[None]:
    with one_thread_offline():
        yield


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("local")
    for write in (tiny.write, tiny.write_bolt, tiny.write_t5):
        write(place)
    return place


@pytest.fixture(scope="package")
def chronos2(folder: Path) -> LoadedChronos:
    return ADAPTER.load(configure(folder, "tiny"))


@pytest.fixture(scope="package")
def bolt(folder: Path) -> LoadedChronos:
    return ADAPTER.load(configure(folder, "bolt"))


@pytest.fixture(scope="package")
def t5(folder: Path) -> LoadedChronos:
    return ADAPTER.load(configure(folder, "t5"))


@pytest.fixture(params=["chronos2", "bolt", "t5"])
def loaded(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["chronos2", "bolt"])
def quantile_model(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)
