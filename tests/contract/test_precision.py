import threading
from typing import Any

import numpy as np

from forecast.core.adapter import Precision, Task
from forecast.core.loading import load_model, unload_model
from forecast.core.precision import most_in_batch
from forecast.models import get_service
from tests.contract.conftest import Model, every_kind
from tests.contract.test_contract import ragged


def load(model: Model, **changes: Any) -> Any:
    """Return the adapter with another instance of the model in it, beside the one that is served."""
    service = get_service(model.model_id)
    config, _ = service.require_ready()
    adapter = service.adapter
    return adapter, *load_model(adapter, config.model_copy(update=changes))


def lower_precisions(model: Model) -> list[Precision]:
    return [name for name in model.limits.precisions if name != "float32"]


def make_tasks(model: Model, count: int) -> list[Task]:
    levels = model.limits.native_levels or (0.1, 0.5, 0.9)
    service = get_service(model.model_id)
    return [Task(ragged(n), 6, levels, service.adapter.options_type()) for n in range(count)]


def test_a_lower_precision_forecasts_nearly_the_same(model: Model) -> None:
    tasks, precisions = make_tasks(model, 3), lower_precisions(model)
    if not precisions:
        return
    adapter, loaded, _ = load(model)
    full = [adapter.predict(loaded, [task])[0] for task in tasks]
    for precision in precisions:
        adapter, lower, weights = load(model, precision=precision)
        assert weights is not None
        for task, expected in zip(tasks, full, strict=True):
            (found,) = adapter.predict(lower, [task])
            spread = np.ptp(expected.quantiles) + np.std(task.series.target)
            difference = np.abs(found.quantiles - expected.quantiles).max()
            assert 0 < difference < 0.25 * spread, precision
        unload_model(adapter, lower)
    unload_model(adapter, loaded)


@every_kind
def test_every_family_forecasts_in_every_precision_and_alone_as_among_others(model: Model) -> None:
    tasks = make_tasks(model, 4)
    for precision in lower_precisions(model):
        adapter, lower, _ = load(model, precision=precision)
        alone = [adapter.predict(lower, [task])[0].quantiles for task in tasks]
        size = most_in_batch(precision, len(tasks))
        together = [
            found.quantiles
            for at in range(0, len(tasks), size)
            for found in adapter.predict(lower, tasks[at : at + size])
        ]
        for task, one, other in zip(tasks, alone, together, strict=True):
            scale = float(np.std(task.series.target)) + float(np.ptp(one))
            # bfloat16 rounds otherwise in another shape, by about its own error.
            assert np.abs(one - other).max() <= (0.01 if precision == "bfloat16" else 1e-5) * scale
        unload_model(adapter, lower)


def test_the_status_tells_the_weights_of_a_model_that_has_any(model: Model) -> None:
    told = model.client.get(f"/forecast/v1/{model.model_id}/status").json()["weights"]
    adapter, loaded, weights = load(model, fit_processes=1)
    unload_model(adapter, loaded)
    if weights is None:
        assert told is None
    else:
        assert told == {
            "parameters": weights.parameters,
            "memory_bytes": 4 * weights.parameters,
            "device": "cpu",
            "precision": "float32",
            "fingerprint": weights.fingerprint,
        }


def test_a_precision_that_the_model_has_not_is_refused(model: Model) -> None:
    missing = {"float32", "bfloat16", "int8"} - set(model.limits.precisions)
    for precision in missing:
        answer = model.post("initialization", model.initialization | {"precision": precision})
        assert (answer.status_code, answer.json()["error"]) == (422, "NOT_SUPPORTED")
    if not missing:
        answer = model.post("initialization", model.initialization | {"precision": "int8"})
        assert (answer.status_code, answer.json()["error"]) == (409, "MODEL_CONFIG_CONFLICT")


def test_two_threads_at_once_get_the_answers_of_one(model: Model) -> None:
    service = get_service(model.model_id)
    tasks = make_tasks(model, 6)
    expected = [service.run_inference([task]).forecasts[0].quantiles for task in tasks]
    wrong: list[Any] = []

    def hammer(offset: int) -> None:
        for turn in range(6 if model.fits else 30):
            place = (turn + offset) % len(tasks)
            found = service.run_inference([tasks[place]]).forecasts[0].quantiles
            scale = float(np.abs(tasks[place].series.target).max())
            if np.abs(found - expected[place]).max() > 1e-5 * scale:
                wrong.append(place)

    threads = [threading.Thread(target=hammer, args=(offset,)) for offset in (0, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
