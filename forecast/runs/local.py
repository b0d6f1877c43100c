"""Forecasts by a model of this process."""

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from forecast.core.answer import Outcome, settle
from forecast.core.errors import AbandonedError, OverloadedError, ShutDownError
from forecast.core.job import Answer
from forecast.core.lifecycle import ModelService
from forecast.core.parameters import InferenceRequest
from forecast.core.plan import Plan, check_request, make_plan
from forecast.core.result_cache import name_tasks
from forecast.core.series.ticks import read_ticks
from forecast.runs.lacking import split_lacking
from forecast.runs.outcome import Predicted
from forecast.runs.pinning import Pinned, make_ready, require_pinned
from forecast.runs.portion import Portion, is_pooled

_LOOK_SECONDS = 0.1
_MICROSECOND = 1_000
_AS_LONG_AS_IT_TAKES = 30 * 86_400.0


@dataclass(slots=True, eq=False)
class LocalModel:
    """A model of this process, as a run began with it.

    `patience` is how many seconds its queue may take; where it is None the model is loaded where it is not,
    and a full queue waited for. `version` is which weights and library made the forecasts, once any are made.
    """

    service: ModelService[Any]
    pinned: Pinned
    patience: float | None
    cancelled: Callable[[], bool]
    version: str | None = None

    def compute(self, portion: Portion) -> dict[str, list[Predicted]]:
        """Return the forecasts of a portion by series, one a target; raises its error where any has one."""
        made: dict[str, list[Predicted]] = {}
        for alike in split_lacking(portion):
            made |= self._compute(alike)
        return made

    def prepare(self, request: InferenceRequest[Any]) -> None:
        """Let a request pass that the model, loaded as it was when the run began, can do; else its errors."""
        if self.patience is not None:
            loaded = require_pinned(self.service, self.pinned)
        else:
            loaded = make_ready(self.service, self.pinned, self.cancelled)
        check_request(self.service, request, *loaded)

    def _compute(self, portion: Portion) -> dict[str, list[Predicted]]:
        started = time.monotonic()
        plan = self._plan(portion)
        answer = self._wait(plan)
        self.version = plan.model_version
        return dict(zip(portion.rows, _read(settle(plan, answer, started), portion), strict=True))

    def _plan(self, portion: Portion) -> Plan:
        _, ready = require_pinned(self.service, self.pinned)
        plan = make_plan(
            self.service, portion.request, portion.table, by_clock=portion.by_clock, groups=portion.rows
        )
        if plan.ready is not ready:
            raise ShutDownError("The model was loaded anew while the forecast was made.")
        return plan

    def _wait(self, plan: Plan) -> Answer:
        future = self._submit(plan)
        while not wait([future], _LOOK_SECONDS).done:
            if self.cancelled():
                future.cancel()
                raise AbandonedError("The run was cancelled before its forecasts were made.")
        return future.result()

    def _submit(self, plan: Plan) -> Future[Answer]:
        seconds = _AS_LONG_AS_IT_TAKES if self.patience is None else self.patience
        while True:
            try:
                return plan.ready.worker.submit(plan.tasks, seconds)
            except OverloadedError as error:
                if self.patience is not None:
                    raise
                pause(error.retry_after or 1.0, self.cancelled)


def pause(seconds: float, cancelled: Callable[[], bool]) -> None:
    """Wait so long; raise AbandonedError as soon as the run is cancelled."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancelled():
            raise AbandonedError("The run was cancelled while the model was busy.")
        time.sleep(min(left, _LOOK_SECONDS))


def _read(outcome: Outcome, portion: Portion) -> Iterator[list[Predicted]]:
    """Yield what was forecast of each series, one a target, in the order of the panel."""
    plan = outcome.plan
    together = len(plan.panel.target_names)
    hashes = _hash_data(plan, pooled=is_pooled(portion.request))
    places = range(len(outcome.forecasts))
    found = [_predicted(outcome, place, hashes[place // together], portion.notes) for place in places]
    for first in range(0, len(found), together):
        yield found[first : first + together]


def _predicted(outcome: Outcome, place: int, data_hash: str, notes: tuple[str, ...]) -> Predicted:
    series, forecast = outcome.plan.panel.series[place], outcome.forecasts[place]
    levels = outcome.levels if outcome.columns is not None else ()
    empty = np.empty((len(forecast.mean), 0))
    use = outcome.use_of(place)
    zone = series.future_index.tz
    return Predicted(
        dates=to_micros(series.future_index),
        points=forecast.mean.astype(np.float64, copy=False),
        quantiles=empty if outcome.columns is None else outcome.columns[place].astype(np.float64, copy=False),
        levels=levels,
        cutoff=int(read_ticks(series.index)[-1]) // _MICROSECOND,
        context_length=len(series.target),
        frequency=outcome.plan.panel.freq,
        zone=None if zone is None else pa.lib.tzinfo_to_string(zone),
        data_hash=data_hash,
        method=forecast.method,
        covariates_used=use.used,
        warnings=tuple(dict.fromkeys((*notes, *use.warnings))),
    )


def to_micros(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return stamps as microseconds since 1970; those without a zone as if they were UTC's."""
    return read_ticks(index) // _MICROSECOND


def _hash_data(plan: Plan, *, pooled: bool) -> list[str]:
    """Return a digest of the data of each task as it came, before any regression."""
    series, together = plan.panel.series, len(plan.panel.target_names)
    targets = [series[first : first + together] for first in range(0, len(series), together)]
    digests = name_tasks(plan.tasks, "", targets)  # the same data, whoever has it
    if not pooled:
        return [digest.hex() for digest in digests]
    whole = hashlib.blake2b(b"".join(digests), digest_size=32).digest()
    return [hashlib.blake2b(digest + whole, digest_size=32).hexdigest() for digest in digests]
