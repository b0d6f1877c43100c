from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.conftest import finish
from tests.ui.fakes import MONTHLY, FakeGateway, make_problem, refuse
from ui.background import Background
from ui.choices import Choices
from ui.errors import NotFoundError
from ui.runs import Runs
from ui.steps import Run, Step
from ui.store import Store
from ui.tables import Table

INFERENCE = "POST /forecast/v1/ets/inference"
SOURCE = {"data_source_url_or_path": "data/uploads/x-0123456789ab.csv"}
Start = Callable[..., Run]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, 1.0)


@pytest.fixture
def runs(store: Store, gateway: FakeGateway, background: Background) -> Runs:
    return Runs(store, gateway.client(), background)


def make_table(**changes: Any) -> Table:
    return Table(
        "0" * 32, "me", "x.csv", SOURCE, report=MONTHLY, columns=MONTHLY["table"]["columns"], **changes
    )


def begin(runs: Runs, **choices: Any) -> str:
    return runs.start(make_table(), Choices(**({"models": ["ets"], "horizon": 3} | choices)))


@pytest.fixture
def forecast(runs: Runs, background: Background) -> Start:
    def start(**choices: Any) -> Run:
        run_id = begin(runs, **choices)
        finish(background)
        return runs.find(run_id)

    return start


def told(run: Run) -> list[tuple[str, str, str, str | None]]:
    return [(step.model, step.kind, step.status, step.error) for step in run.steps]


def test_a_run_asks_each_model_for_the_table_that_the_gateway_keeps(
    forecast: Start, runs: Runs, gateway: FakeGateway
) -> None:
    run = forecast(models=["ets", "deep"], intervals=[80])

    assert run.status == "done"
    assert told(run) == [("ets", "forecast", "done", None), ("deep", "forecast", "done", None)]
    assert gateway.bodies("POST /api/v1/tables") == [SOURCE]
    assert gateway.bodies(INFERENCE) == [
        {
            "data_source_url_or_path": "data/uploads/kept-000000000000.csv",
            "data_definition": {"month": "timestamp", "sales": "target"},
            "parameters": {
                "horizon_len": 3,
                "quantile_levels": [0.1, 0.5, 0.9],
                "use_covariates": False,
                "freq": "MS",
            },
        }
    ]
    assert gateway.bodies(INFERENCE) == [run.body("forecast")]
    assert runs.answer(run.id, "deep", "forecast")["prediction"]["point_forecast"] == [[18.0, 18.0, 18.0]]
    assert all(step.seconds is not None and step.seconds >= 0 for step in run.steps)


def test_a_holdout_is_forecast_from_a_table_without_the_last_horizon(
    forecast: Start, runs: Runs, gateway: FakeGateway
) -> None:
    run = forecast(horizon=4, holdout=True, context_end="2024-10")

    assert [(step.kind, step.status) for step in run.steps] == [("forecast", "done"), ("holdout", "done")]
    assert gateway.bodies("POST /api/v1/tables") == [SOURCE, {**SOURCE, "holdout": 4}]
    asked, held = gateway.bodies(INFERENCE)
    assert asked["parameters"].pop("context_end_date") == "2024-10"
    assert held == asked | {"data_source_url_or_path": run.paths["holdout"]}
    assert run.paths["holdout"] != run.paths["forecast"]
    assert runs.answer(run.id, "ets", "holdout")["prediction"]["point_forecast"] == [[16.0] * 4]


def test_a_table_that_is_too_short_for_a_holdout_is_forecast_nevertheless(
    forecast: Start, gateway: FakeGateway
) -> None:
    gateway.holdout_problems = [
        make_problem("constant", blocking=False),
        make_problem("too_short", message="Too few targets are left."),
    ]

    run = forecast(holdout=True)

    assert run.status == "done"
    assert told(run) == [
        ("ets", "forecast", "done", None),
        ("ets", "holdout", "failed", "Too few targets are left."),
    ]
    assert len(gateway.bodies(INFERENCE)) == 1


def test_a_model_that_fails_does_not_stop_the_others(forecast: Start, gateway: FakeGateway) -> None:
    gateway.refusals["POST /forecast/v1/deep/inference"] = [
        refuse(422, "HORIZON_TOO_LONG", "It forecasts 2 steps at most.")
    ]

    run = forecast(models=["deep", "ets", "gone"])

    assert run.status == "done"
    assert told(run) == [
        ("deep", "forecast", "failed", "It forecasts 2 steps at most."),
        ("ets", "forecast", "done", None),
        ("gone", "forecast", "failed", "The forecasting service has no model 'gone'."),
    ]
    assert run.done("forecast") == ["ets"]


def test_a_run_of_which_nothing_came_has_failed(forecast: Start, gateway: FakeGateway) -> None:
    gateway.refusals[INFERENCE] = [refuse(500, "MODEL_FAILED", "It failed.")]

    assert forecast().status == "failed"


def test_a_gateway_that_is_down_fails_the_run(forecast: Start, gateway: FakeGateway) -> None:
    gateway.down = True

    run = forecast(holdout=True)

    assert run.status == "failed"
    assert {step.error for step in run.steps} == {
        "The forecasting service does not answer. Nothing is lost; try again when it is back."
    }


def test_a_quota_is_waited_for_wherever_it_is_met(
    forecast: Start, gateway: FakeGateway, pauses: list[float]
) -> None:
    gateway.states["ets"] = ("uninitialized", None)
    gateway.after_load["ets"] = [("ready", None)]
    for seconds, call in enumerate(
        ("POST /api/v1/tables", "POST /forecast/v1/ets/initialization", INFERENCE), start=1
    ):
        gateway.refusals[call] = [refuse(429, "RATE_LIMITED", "Later.", seconds)]

    assert forecast().status == "done"
    assert pauses == [1.0, 2.0, 3.0]


def test_cancelling_closes_the_connection_so_that_the_gateway_drops_the_work(
    runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    gateway.slow.add("ets")
    run_id = begin(runs, holdout=True)
    assert gateway.arrived.wait(30)
    assert runs.find(run_id).status == "running"
    assert runs.find(run_id).steps[0] == Step("ets", "forecast", "running")

    runs.cancel(run_id)

    assert gateway.dropped.wait(30)
    finish(background)
    run = runs.find(run_id)
    assert run.status == "cancelled"
    assert {step.status for step in run.steps} == {"cancelled"}
    assert len(gateway.bodies(INFERENCE)) == 1


def test_a_run_that_has_ended_cannot_be_cancelled(runs: Runs, background: Background) -> None:
    run_id = begin(runs)
    finish(background)

    runs.cancel(run_id)

    assert runs.find(run_id).status == "done"


def test_a_run_that_a_restart_ended_is_cancelled(
    store: Store, runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    gateway.slow.add("deep")
    run_id = begin(runs, models=["ets", "deep"])
    assert gateway.arrived.wait(30)
    while runs.find(run_id).steps[0].status != "done":
        background.wait(_turn())
    after = Background()
    try:
        found = Runs(store, gateway.client(), after).find(run_id)
    finally:
        after.close(_turn())

    assert [step.status for step in found.steps] == ["done", "cancelled"]
    assert found.status == "done"
    runs.cancel(run_id)


async def _turn() -> None:
    """Let the loop go round once."""


def test_a_model_is_loaded_first_and_its_progress_told(
    store: Store, runs: Runs, gateway: FakeGateway, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.api_client.monotonic", lambda: 100.0)  # all in one moment, however long it takes
    gateway.states["ets"] = ("uninitialized", None)
    gateway.after_load["ets"] = [*[("initializing", None)] * 8, ("ready", None)]
    seen: list[dict[str, Any]] = []
    write = store.write

    def note(kind: Any, folder: str, name: str, content: Any) -> None:
        if name == "run":
            seen.append(content["steps"][0])
        write(kind, folder, name, content)

    monkeypatch.setattr(store, "write", note)
    run_id = begin(runs)
    finish(background)

    assert runs.find(run_id).status == "done"
    states = [(step["status"], step["percent"]) for step in seen]
    assert list(dict.fromkeys(states)) == [
        ("waiting", None),
        ("loading", 40.0),
        ("running", None),
        ("done", None),
    ]
    assert gateway.bodies("POST /forecast/v1/ets/initialization") == [{"wait": False}]
    # Nine looks at a model that loads, of which one in two seconds costs a call that is counted.
    assert len(gateway.bodies("GET /forecast/v1/ets/status")) == 1


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (("error", "The Hub cannot be reached."), "The Hub cannot be reached."),
        (("uninitialized", None), "The model did not load."),
    ],
)
def test_a_load_that_comes_to_nothing_is_told_and_not_begun_again(
    forecast: Start, gateway: FakeGateway, end: tuple[str, str | None], sentence: str
) -> None:
    gateway.states["ets"] = ("error", "Of an earlier load.")
    gateway.after_load["ets"] = [end]

    assert told(forecast()) == [("ets", "forecast", "failed", sentence)]
    assert len(gateway.bodies("POST /forecast/v1/ets/initialization")) == 1


def test_a_model_that_is_let_go_when_it_is_needed_is_loaded_after_that(
    forecast: Start, gateway: FakeGateway
) -> None:
    gateway.states["ets"] = ("uninitialized", None)
    gateway.after_load["ets"] = [("ready", None)]
    gateway.refusals["POST /forecast/v1/ets/initialization"] = [
        refuse(409, "MODEL_INITIALIZING", "It is draining.", 1)
    ]

    assert forecast().status == "done"
    assert len(gateway.bodies("POST /forecast/v1/ets/initialization")) == 2


def test_a_defect_ends_the_run_with_a_sentence_and_is_logged(
    forecast: Start, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.slow.add("deep")
    gateway.refusals["GET /health"] = [httpx.Response(200, json={"status": "healthy"})]

    run = forecast(models=["ets", "deep"])

    assert run.status == "failed"
    assert {step.error for step in run.steps} == {"The page failed; the operator's log says how."}
    assert "KeyError: 'models'" in caplog.text


def test_there_is_no_run_at_another_address(runs: Runs) -> None:
    with pytest.raises(NotFoundError):
        runs.find("0" * 32)
