from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests import sharing
from tests.sharing import name_unit, pytest_xdist_auto_num_workers


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/core/test_fit.py::test_a[b-1]", "tests/core/test_fit.py"),
        ("forecast/models/chronos/tests/test_model.py::test_a[t5]", "forecast/models/chronos/tests"),
        ("tests/core/weights/test_hub.py::test_a", "tests/core/weights"),
        ("tests/page/test_look.py::test_a[desk-dark]", "tests/page"),
        ("tests/contract/test_contract.py::test_a[statsforecast]", "tests/contract statsforecast"),
        ("tests/contract/test_contract.py::test_a[prophet-24]", "tests/contract prophet"),
        ("tests/contract/test_levels.py::test_a[past-numerical-chronos t5]", "tests/contract chronos"),
        ("tests/contract/test_xreg.py::test_a", "tests/contract/test_xreg.py"),
    ],
)
def test_what_sets_up_something_together_runs_in_one_process(test: str, unit: str) -> None:
    assert name_unit(test) == unit


@pytest.mark.parametrize(
    ("arguments", "shared"),
    [
        (["tests", "forecast"], True),
        (["tests/core"], True),
        (["tests/core/test_fit.py"], False),
        (["tests/core", "tests/test_app.py::test_a"], False),
    ],
)
def test_named_tests_run_in_the_process_that_was_started(
    arguments: Sequence[str], shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "available_cores", lambda: 3)
    config: Any = SimpleNamespace(args=arguments)
    assert pytest_xdist_auto_num_workers(config) == (3 if shared else 0)
