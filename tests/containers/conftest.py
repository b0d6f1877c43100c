"""An engine, the images that are built by it, and the stack that all tests of the default services share."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.stack import Stack

# The first build fetches and installs every library.
BUILD_SECONDS = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no engine answers; there, CI does not ask for these tests."""
    try:
        missing = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).returncode
        silent = subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        missing = silent = 127
    if missing or silent:
        reason = "no docker with its compose plugin is here" if missing else "no Docker engine answers"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="package")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway with all models and the page, as `docker compose up` starts them."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.compose("build")
        stack.start()
        stack.await_model("statsforecast")
        yield stack
    finally:
        stack.end()
