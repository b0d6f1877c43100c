"""The work of runs: cutting it, computing its parts, and keeping what comes of them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection

from forecast.core.config import Settings
from forecast.core.configuration import choose_config
from forecast.core.errors import NotInitializedError, SapheneiaError, ShutDownError
from forecast.core.lifecycle import ModelService
from forecast.core.parameters import InferenceRequest
from forecast.core.schemas import InitializationRequest
from forecast.database.connection import Database
from forecast.models import get_service
from forecast.remote.place import Place
from forecast.runs import storing
from forecast.runs.asking import (
    check_length,
    check_model,
    forecast_request,
    inference_request,
    read_forecast,
    told_levels,
)
from forecast.runs.faults import tell_fault
from forecast.runs.isolation import isolate, isolate_together
from forecast.runs.local import LocalModel
from forecast.runs.named import NamedItems, as_inference, divide_named, read_named, split_named
from forecast.runs.outcome import Item, Predicted
from forecast.runs.pinning import Pinned, pin
from forecast.runs.portion import Portion, is_pooled
from forecast.runs.settings import RunSettings
from forecast.runs.tabled import divide_series, name_items, read_series, split_table
from forecast.runs.work import Ask, Part, PartResult

if TYPE_CHECKING:
    from forecast.runs.calls import ServiceCalls


class Model(Protocol):
    """A model, here or in a service of its own, as a run began with it; `version` once it has computed."""

    version: str | None

    def prepare(self, request: InferenceRequest[Any]) -> None:
        """Let a request pass that the model can do, once it is loaded."""

    def compute(self, portion: Portion) -> dict[str, list[Predicted]]:
        """Return the forecasts of a portion by series, one a target; raises its error where any has one."""


class RunWork:
    """The work of runs by the models of this process and those in services of their own.

    With a `patience` in seconds a part is for a caller who waits: a model that is not loaded, or busy, is an
    error at once. Without one the model is loaded as it was when the run began, and waited for.
    """

    def __init__(
        self,
        settings: Settings,
        limits: RunSettings,
        database: Database,
        services: Mapping[str, ModelService[Any]],
        places: Mapping[str, Place],
        patience: float | None = None,
    ) -> None:
        self.limits = limits
        self.database = database
        self._settings = settings
        self._services = services
        self._places = places
        self._patience = patience

    def split(self, ask: Ask, most_items: int) -> list[Part]:
        """Return the parts of the work, each of at most so many items where it can be cut; see Work."""
        check_model(ask.model_id, [*self._services, *self._places])
        request = self._check(ask)
        pinned = self._pin(ask.model_id)
        if ask.kind == "forecast":
            return split_named(self.database, ask, most_items, pinned)
        return split_table(self._settings, ask, request, most_items, pinned)

    def divide(self, ask: Ask, part: Part, first_items: int, most_items: int) -> list[Part]:
        """Return the parts of a part, numbered from 0; see Work."""
        divide = divide_named if ask.kind == "forecast" else divide_series
        return divide(ask, part, first_items, most_items)

    def compute(self, ask: Ask, part: Part, cancelled: Callable[[], bool]) -> PartResult:
        """Return the forecasts of a part; see Work."""
        started = time.monotonic()
        while True:
            try:
                rows, version = self._compute(ask, part, cancelled)
            except (NotInitializedError, ShutDownError):
                if self._patience is not None or ask.model_id in self._places:
                    raise  # a service loads its model itself
                continue  # it is loaded again
            return PartResult(rows, version, time.monotonic() - started)

    def open_run(
        self,
        connection: Connection,
        ask: Ask,
        items: int,
        job_id: str | None,
        created_at: datetime | None = None,
    ) -> str:
        """Write down a run that begins, by default now, and return its ID."""
        length, levels = self._asked(ask)
        return storing.open_run(connection, ask, items, job_id, length, levels, created_at)

    def keep(self, run_id: str, part: Part, result: PartResult) -> Callable[[Connection], None]:
        """Return what writes down the items and forecasts of a part, in the transaction of its connection."""
        return storing.keep(run_id, result)

    def close_run(
        self, connection: Connection, run_id: str, status: str, error: Mapping[str, Any] | None
    ) -> None:
        """Write down how a run ended: `succeeded`, `failed` or `cancelled`."""
        storing.close_run(connection, run_id, status, error)

    def _check(self, ask: Ask) -> InferenceRequest[Any]:
        if ask.kind == "forecast":
            body = read_forecast(ask)
            check_length(body.prediction_length, self.limits.max_prediction_length)
            return forecast_request(ask.model_id, body, {"value": "target"}, {})
        request = inference_request(ask)
        check_length(request.parameters.horizon_len or 1, self.limits.max_prediction_length)
        return request

    def _asked(self, ask: Ask) -> tuple[int, tuple[float, ...]]:
        """Return the steps and the quantile levels that are asked for."""
        if ask.kind == "forecast":
            body = read_forecast(ask)
            return body.prediction_length, tuple(body.quantile_levels or ())
        parameters = inference_request(without_table(ask)).parameters
        return parameters.horizon_len or self._default_length(ask.model_id), told_levels(parameters)

    def _default_length(self, model_id: str) -> int:
        service = get_service(model_id)
        config = service.get_model_config()
        return config.horizon_len if config else service.settings.default_horizon_len

    def _pin(self, model_id: str) -> Pinned:
        """Return what tells the weights that a model has, or that it is going to be loaded with."""
        if model_id in self._places:
            return self._pin_elsewhere(model_id)
        service = self._services[model_id]
        now = service.snapshot
        if self._patience is None and now.config is not None and now.status == "initializing":
            return pin(now.config)
        if self._patience is None and not now.ready and self._settings.lazy_initialization:
            asked = InitializationRequest()
            return pin(choose_config(service.adapter, service.settings, asked, service.folder))
        return pin(*service.require_ready())

    def _pin_elsewhere(self, model_id: str) -> Pinned:
        from forecast.runs.elsewhere import read_state  # with httpx, which takes a while

        try:
            return read_state(self._calls(model_id, lambda: False))
        except NotInitializedError:
            if not self._settings.lazy_initialization:
                raise
            return {}

    def _calls(self, model_id: str, cancelled: Callable[[], bool]) -> "ServiceCalls":
        from forecast.runs.calls import ServiceCalls

        key = self._settings.api_secret_key.get_secret_value()
        return ServiceCalls(model_id, self._places[model_id], key, cancelled)

    def _model(self, model_id: str, pinned: Pinned, cancelled: Callable[[], bool]) -> Model:
        if model_id not in self._places:
            return LocalModel(self._services[model_id], pinned, self._patience, cancelled)
        from forecast.runs.elsewhere import ModelElsewhere

        longest = get_service(model_id).settings.timeout_seconds
        return ModelElsewhere(self._calls(model_id, cancelled), pinned, longest, self._patience)

    def _compute(self, ask: Ask, part: Part, cancelled: Callable[[], bool]) -> tuple[list[Item], str | None]:
        if ask.kind == "forecast":
            return self._compute_named(read_named(ask, part), cancelled)
        series = read_series(ask, part)
        model = self._model(ask.model_id, series.pinned, cancelled)
        request = series.whole.request
        model.prepare(request)
        names = list(series.whole.rows)
        made, failed = _isolate(names, request, lambda some: model.compute(series.whole.only(some)))
        return list(_rows(names, series.whole.targets, series.first, made, failed)), model.version

    def _compute_named(
        self, items: NamedItems, cancelled: Callable[[], bool]
    ) -> tuple[list[Item], str | None]:
        history, unfit = items.read(self.database, self.limits.min_historical_data)
        history, unplaced = items.complete(history)
        unfit = unplaced | unfit
        request = as_inference(items.ask, items.body, history)
        model = self._model(items.ask.model_id, items.pinned, cancelled)
        model.prepare(request)
        fit = [name for name in items.names if name not in unfit]
        made, failed = _isolate(
            fit, request, lambda some: model.compute(items.portion(request, history, some))
        )
        failed = {name: tell_fault(error, history.value_column) for name, error in failed.items()}
        told = items.tell_changes(history, made)
        return list(_rows(items.names, ("value",), items.first, told, unfit | failed)), model.version


def without_table(ask: Ask) -> Ask:
    """Return an inference without its table, which is not needed once the work is cut."""
    beside = ("data", "data_source_url_or_path")
    return replace(ask, body={name: value for name, value in ask.body.items() if name not in beside})


def _isolate(
    names: Sequence[str],
    request: InferenceRequest[Any],
    attempt: Callable[[Sequence[str]], Mapping[str, list[Predicted]]],
) -> tuple[dict[str, list[Predicted]], dict[str, SapheneiaError]]:
    alone = isolate_together if is_pooled(request) else isolate
    return alone(names, attempt)


def _rows(
    names: Sequence[str],
    targets: Sequence[str],
    first: int,
    made: Mapping[str, list[Predicted]],
    failed: Mapping[str, SapheneiaError],
) -> Iterator[Item]:
    """Yield the items of a part in their order, one a target."""
    place = first
    for name in names:
        error = failed.get(name)
        told = None if error is None else {"error": error.code, "detail": error.detail}
        for target, item_id in enumerate(name_items([name], targets)):
            predicted = None if told is not None else made[name][target]
            yield Item(place, item_id, predicted, told)
            place += 1
