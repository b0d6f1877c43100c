"""The matrix of covariates in docs/models.md: each of its cells is what happens."""

from typing import Any

import numpy as np
import pytest

from forecast.core.adapter import Kind
from scripts.model_kinds import KINDS, REACHES, Reach, covariate_use, list_kinds
from tests.contract.conftest import Model, every_kind
from tests.contract.test_contract import days

PAST, HORIZON = 60, 4
NAMES = {"numerical": (0, 1), "categorical": ("none", "sale")}
Values = list[Any]
Table = dict[str, Values]


def table_of(promotions: list[list[int]], kind: Kind, known: list[int] | None) -> Table:
    """Return one series for each list of promotions, on which they are worth 30; `known` are those ahead."""
    names = NAMES[kind]
    table: Table = {"date": [], "shop": [], "y": [], "promo": []}
    for number, promo in enumerate(promotions):
        ahead: Values = [None] * HORIZON if known is None else [names[flag] for flag in known]
        table["date"] += days(PAST + HORIZON)
        table["shop"] += [f"shop {number}"] * (PAST + HORIZON)
        noise = np.random.default_rng(number).normal(size=PAST)
        table["y"] += [20 + 30 * flag + wobble for flag, wobble in zip(promo, noise, strict=True)]
        table["y"] += [None] * HORIZON
        table["promo"] += [names[flag] for flag in promo] + ahead
    return table


def every(step: int, offset: int = 0) -> list[int]:
    return [int(at % step == offset) for at in range(PAST)]


def answers(model: Model, reach: Reach, kind: Kind, **parameters: Any) -> tuple[Any, Any]:
    """Forecast twice; the second table differs from the first in the values of one covariate only."""
    roles = {"y": "target", "shop": "id", "promo": f"dynamic_{kind}"}
    if reach == "future":
        tables = [table_of([every(5)], kind, known) for known in ([0, 0, 0, 0], [0, 0, 1, 0])]
    elif reach == "past":
        tables = [table_of([every(5)], kind, None) for _ in range(2)]
        elsewhere = [NAMES[kind][flag] for flag in every(7, 3)]
        tables[1]["promo"][:PAST] = elsewhere
    else:
        roles = roles | {"promo": "dynamic_numerical", "size": f"static_{kind}"}
        tables = [table_of([every(3), every(5), every(11)], "numerical", [0] * 4) for _ in range(2)]
        for table, sizes in zip(tables, ((1, 2, 9), (1, 1, 9)), strict=True):
            table["size"] = [size for size in sizes for _ in range(PAST + HORIZON)]
    first, second = (model.forecast(one, roles, horizon_len=HORIZON, **parameters) for one in tables)
    return first, second


def moved(first: Any, second: Any) -> float:
    assert (first.status_code, second.status_code) == (200, 200), second.text
    found = [np.asarray(one.json()["prediction"]["quantile_forecast"]) for one in (first, second)]
    return float(np.abs(found[1] - found[0]).max())


def told_of(answer: Any, name: str) -> list[str]:
    return [warning for warning in answer.json()["warnings"] if name in warning]


@every_kind
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reach", REACHES)
def test_a_covariate_moves_the_forecast_as_the_matrix_says(model: Model, reach: Reach, kind: Kind) -> None:
    name = "size" if reach == "static" else "promo"
    use = covariate_use(model.limits, reach)
    pair = answers(model, reach, kind)
    if use == "refused":
        assert [(one.status_code, one.json()["error"]) for one in pair] == [(422, "NOT_SUPPORTED")] * 2
        return
    change, warnings = moved(*pair), told_of(pair[1], name)
    match use:
        case "native" | "regression":
            assert change > 1e-3
            assert warnings == []
            assert {one.json()["prediction"]["method"] for one in pair} == {"covariates_enhanced"}
        case "pooled":
            assert change == 0
            assert "without effect" in warnings[0]
            pooled = answers(model, reach, kind, xreg_scope="pooled")
            assert moved(*pooled) > 1e-3
            assert told_of(pooled[1], name) == []
        case "carried":
            assert change > 1e-3
            assert "its last known value was carried forward" in warnings[0]
        case "constant":
            assert change < 1e-6
            assert len(warnings) == 1


@every_kind
def test_a_static_covariate_alone_has_no_effect_and_that_is_told(model: Model) -> None:
    use = covariate_use(model.limits, "static")
    if use == "refused":
        pytest.skip("this checkpoint takes no covariates")
    table = table_of([every(3), every(5)], "numerical", None)
    roles = {"y": "target", "shop": "id", "size": "static_numerical"}
    scope = {"xreg_scope": "pooled"} if use == "pooled" else {}
    pair = []
    for sizes in ((1, 2), (5, 3)):
        table["size"] = [size for size in sizes for _ in range(PAST + HORIZON)]
        pair.append(model.forecast(table, roles, horizon_len=HORIZON, **scope))
    assert moved(*pair) < 1e-6
    assert len(told_of(pair[0], "size")) == 1


@every_kind
def test_a_loaded_checkpoint_takes_what_the_page_says_of_its_family(model: Model) -> None:
    (said,) = [one.can for one in list_kinds() if one.name == model.name]
    for name in ("covariates", "past_covariates", "missing", "multivariate", "backcast", "min_context"):
        assert getattr(model.limits, name) == getattr(said, name), name
    assert (said.native_levels is None) == (model.limits.native_levels is None)


@every_kind
def test_a_covariate_of_the_calendar_moves_the_forecast_or_is_refused(model: Model) -> None:
    # From January 2nd to March 30th of 2024; the first step ahead is the last day of March.
    ends = [int(step in (30, 59, 90)) for step in range(1, 94)]
    noise = np.random.default_rng(0).normal(size=93)
    target: Values = [20 + 30 * end + wobble for end, wobble in zip(ends, noise, strict=True)][:89]
    dates = days(94)[1:]
    lengths: dict[str, Any] = {"horizon_len": 4, "context_len": 89}
    table: Table = {"date": dates[:89], "y": target}
    plain = model.forecast(table, **lengths)
    made = model.forecast(table, **lengths, add_calendar=["is_month_end"])
    idle = model.forecast(table, **lengths, add_calendar=["is_month_end"], use_covariates=False)
    assert idle.json()["prediction"] == plain.json()["prediction"]
    if model.limits.covariates == "none":
        assert (made.status_code, made.json()["error"]) == (422, "NOT_SUPPORTED")
        assert "is_month_end" in made.json()["detail"]
        return
    assert made.json()["warnings"] == []
    assert made.json()["prediction"]["method"] == "covariates_enhanced"
    declared = {"date": dates, "y": target + [None] * 4, "is_month_end": ends}
    same = model.forecast(declared, {"y": "target", "is_month_end": "dynamic_numerical"}, **lengths)
    assert made.json()["prediction"] == same.json()["prediction"]
    first = [np.asarray(one.json()["prediction"]["point_forecast"][0])[0] for one in (plain, made)]
    assert abs(first[1] - first[0]) > 0.1
