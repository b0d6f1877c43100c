"""How tests are shared among processes: whole files, so that what a file sets up is set up once.

A run of all tests, or of folders, has a process for each core; one of named files or tests has none, so that
they can be debugged. `-n` on the command line wins.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from forecast.core.pool import available_cores
from forecast.models import MODEL_REGISTRY

_MOST = 4  # each has torch and a browser in its memory
_FOLDERS = re.compile(r"tests/page|tests/core/weights|forecast/models/\w+/tests")
_CASES = re.compile(r"\[(.*)\]$")
# The longest come first, so that the processes end at about the same time.
_FIRST = (
    "tests/test_benchmarks.py",
    "tests/page",
    "tests/contract statsforecast",
    "tests/test_documentation.py",
    "tests/contract prophet",
)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests; none where files are named."""
    named = any(".py" in argument for argument in config.args)
    return 0 if named else min(available_cores(), _MOST)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "WholeUnits":
    """Return what hands the tests to the processes."""
    config.option.loadscopereorder = False  # as pytest_collection_modifyitems sorted them
    return WholeUnits(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the longest units begin, where processes share the tests."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _turn(name_unit(item.nodeid)))


class WholeUnits(LoadScopeScheduling):  # type: ignore[misc]  # xdist has types that mypy does not follow
    """Gives a process a whole unit at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return name_unit(nodeid)


def name_unit(nodeid: str) -> str:
    """Return the unit of a test: its file, its folder where that shares servers, or its model."""
    file = nodeid.partition("::")[0]
    if folder := _FOLDERS.match(file):
        return folder[0]
    if file.startswith("tests/contract/") and (model_id := _find_model(nodeid)):
        return f"tests/contract {model_id}"
    return file


def _find_model(nodeid: str) -> str | None:
    cases: Sequence[str] = found[1].split("-") if (found := _CASES.search(nodeid)) else ()
    words = {case.partition(" ")[0] for case in cases}
    return next((model_id for model_id in MODEL_REGISTRY if model_id in words), None)


def _turn(unit: str) -> int:
    return _FIRST.index(unit) if unit in _FIRST else len(_FIRST)
