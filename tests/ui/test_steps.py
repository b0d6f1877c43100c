from typing import Any

import pytest

from tests.ui.fakes import MONTHLY
from ui.choices import Choices
from ui.steps import Run, Step
from ui.tables import Table


@pytest.mark.parametrize(("use", "kept"), [(True, {"price", "sales"}), (False, {"sales"})])
def test_covariates_go_along_where_they_are_asked_for(use: bool, kept: set[str]) -> None:
    report = {**MONTHLY, "data_definition": {"price": "dynamic_numerical", "sales": "target"}}
    table = Table("", "me", "x", {}, report=report)
    chosen = Choices(models=["ets"], horizon=1, use_covariates=use, calendar=["month"])

    body = Run("", table, chosen, 0.0, {}, ()).body("forecast")

    assert set(body["data_definition"]) == kept
    assert body["parameters"]["use_covariates"] is True
    assert body["parameters"]["add_calendar"] == ["month"]


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (("done", "running"), "running"),
        (("done", "failed"), "done"),
        (("failed", "failed"), "failed"),
        (("failed", "cancelled"), "cancelled"),
    ],
)
def test_the_state_of_a_run_is_that_of_its_steps(statuses: tuple[Any, ...], whole: str) -> None:
    steps = tuple(Step(str(number), "forecast", status) for number, status in enumerate(statuses))
    chosen = Choices(models=["ets"], horizon=1)

    assert Run("", Table("", "me", "x", {}), chosen, 0.0, {}, steps).status == whole
