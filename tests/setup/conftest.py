from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ports
from tests.setup.clone import Clone, copy_tree


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = copy_tree(tmp_path / "clone")
    yield clone
    clone.end()


def free_port() -> str:
    return str(ports.free_port())


@pytest.fixture
def port() -> str:
    return free_port()


@pytest.fixture
def page_port() -> str:
    return free_port()
