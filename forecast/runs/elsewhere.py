"""Forecasts by a model in a service of its own."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from forecast.core.errors import (
    InitializingError,
    LoadingError,
    NotInitializedError,
    OverloadedError,
    RateLimitError,
)
from forecast.core.frame import METADATA_KEY
from forecast.core.media import ARROW
from forecast.core.parameters import InferenceRequest
from forecast.core.series.columns import read_numbers
from forecast.core.series.zone import read_bound
from forecast.remote.faults import RETRY_SECONDS
from forecast.runs.calls import ServiceCalls
from forecast.runs.cells import write_frame
from forecast.runs.lacking import split_lacking
from forecast.runs.local import pause, to_micros
from forecast.runs.outcome import Predicted
from forecast.runs.pinning import Pinned, check_service
from forecast.runs.portion import Portion

_STATUS_SECONDS = 5.0
_KEPT = ("source", "precision", "backend", "context_len", "horizon_len")
_LONGER_SECONDS = 5.0
_PASSING = (OverloadedError, LoadingError, RateLimitError, InitializingError)
"""What a service refuses for a while only."""


@dataclass(slots=True, eq=False)
class ModelElsewhere:
    """A model in a service of its own, as a run began with it; `patience` and `version` as of a LocalModel.

    `longest` is how many seconds the service may take for one call.
    """

    service: ServiceCalls
    pinned: Pinned
    longest: float
    patience: float | None
    version: str | None = None
    unseen: bool = False

    def prepare(self, request: InferenceRequest[Any]) -> None:
        """Let pass where the model is loaded as it was when the run began; raise ConfigConflictError else.

        One that is not loaded passes: the service loads it when it is asked, or says that it does not.
        """
        try:
            self._check_state()
        except NotInitializedError:
            self.unseen = True

    def compute(self, portion: Portion) -> dict[str, list[Predicted]]:
        """Return the forecasts of a portion by series, one a target.

        Raises the service's error, and ConfigConflictError where other weights than the run's made them.
        """
        made: dict[str, list[Predicted]] = {}
        for alike in split_lacking(portion):
            made |= self._compute(alike)
        return made

    def _compute(self, portion: Portion) -> dict[str, list[Predicted]]:
        body = _write(portion)
        headers = {"Content-Type": ARROW, "Accept": ARROW}
        seconds = self.longest
        if self.patience is not None:
            seconds = max(0.001, min(self.patience, self.longest))
            headers["X-Deadline-Ms"] = str(max(1, int(seconds * 1000)))

        labels = portion.frame.index

        def name_row(row: int) -> int:
            return int(labels[row - 1]) + 1 if 0 < row <= len(labels) else row

        def ask() -> bytes:
            return self.service.call("inference", seconds + _LONGER_SECONDS, headers, body, name_row)

        table = pa.ipc.open_stream(self._patiently(ask)).read_all()
        said = orjson.loads(table.schema.metadata[METADATA_KEY])
        self._check_made(said["execution_metadata"])
        if self.unseen:
            self._check_state()
        return dict(zip(portion.rows, _read(table, said, portion), strict=True))

    def _check_state(self) -> None:
        if self.pinned:
            now = self._patiently(lambda: read_state(self.service))
            check_service(self.service.model_id, now, self.pinned)
            self.unseen = False

    def _check_made(self, told: Mapping[str, Any]) -> None:
        # It may have been loaded anew since its state was read, or be another of several services.
        now = _named(told, "model_version")
        if "weights_fingerprint" in told:
            now["fingerprint"] = told["weights_fingerprint"]
        check_service(self.service.model_id, now, self.pinned)
        self.version = told["model_version"]

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        while True:
            try:
                return ask()
            except _PASSING as error:
                if self.patience is not None:
                    raise
                pause(error.retry_after or RETRY_SECONDS, self.service.cancelled)


def read_state(service: ServiceCalls) -> dict[str, Any]:
    """Return what tells which weights a service has loaded, and how; see check_service.

    Raises InitializingError while it loads, and NotInitializedError where it has none.
    """
    now = orjson.loads(service.call("status", _STATUS_SECONDS))
    if now["model_status"] == "initializing":
        raise InitializingError(
            f"The model '{service.model_id}' is being initialized.", retry_after=RETRY_SECONDS
        )
    if now["model_status"] != "ready":
        raise NotInitializedError(f"The model '{service.model_id}' is not initialized in its service.")
    weights = now["weights"] or {"fingerprint": None}
    # A service of an earlier version tells less, and what it does not tell is not compared.
    told = now.get("model_info", {}) | _named(now, "model_version") | _named(weights, "fingerprint")
    return {name: told[name] for name in (*_KEPT, "model_version", "fingerprint") if name in told}


def _named(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: told[name]} if name in told else {}


def _write(portion: Portion) -> bytes:
    request = portion.request
    parameters = request.parameters.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    notes = {
        "data_definition": request.data_definition,
        "parameters": {**parameters, "freq": request.parameters.freq},
    }
    return write_frame(portion.frame, notes)


def _read(table: pa.Table, said: dict[str, Any], portion: Portion) -> Iterator[list[Predicted]]:
    """Yield what was forecast of each series, one a target, in the order of the answer."""
    levels = tuple(said["quantile_levels"] or ())
    count, horizon = said["metadata"]["input_series_count"], said["metadata"]["forecast_length"]
    zone = table.schema.field("timestamp").type.tz
    stamps = pd.DatetimeIndex(table.column("timestamp").to_pandas())
    dates = to_micros(stamps).reshape(count, horizon)
    points = table.column("mean").to_numpy().reshape(count, horizon)
    columns = [table.column(f"q{level}").to_numpy().reshape(count, horizon) for level in levels]
    quantiles = np.stack(columns, axis=2) if columns else np.empty((count, horizon, 0))
    together = count // len(portion.rows)
    # A service of an earlier version tells all series the same.
    used = said.get("series_covariates_used", [said["metadata"]["covariates_used"]] * count)
    notes = said.get("notes", said["warnings"])
    warnings = [[notes[at] for at in own] for own in said.get("series_notes", [range(len(notes))] * count)]
    for at, (cutoff, data_hash) in enumerate(_facts(portion)):
        yield [
            Predicted(
                dates=dates[place],
                points=points[place],
                quantiles=quantiles[place],
                levels=levels,
                cutoff=cutoff,
                context_length=said["metadata"]["context_lengths"][place],
                frequency=said["metadata"]["frequency"],
                zone=zone,
                data_hash=data_hash,
                method=said["metadata"]["model_methods"][place],
                covariates_used=used[place],
                warnings=tuple(dict.fromkeys((*portion.notes, *warnings[place]))),
            )
            for place in range(at * together, (at + 1) * together)
        ]


def _facts(portion: Portion) -> Iterator[tuple[int, str]]:
    """Yield the cutoff of each series, and a digest of its rows."""
    stamps = portion.stamps
    at = to_micros(stamps)
    known = np.any([~np.isnan(read_numbers(portion.frame[name])) for name in portion.targets], axis=0)
    until = portion.request.parameters.context_end_date
    if until is not None:
        bound = read_bound("context_end_date", until, stamps.tz, is_end=True)
        known &= at <= bound.as_unit("ns").value // 1_000
    hashes = pd.util.hash_pandas_object(portion.frame, index=False).to_numpy()
    meaning = orjson.dumps([portion.request.data_definition, portion.request.parameters.freq])
    for rows in portion.rows.values():
        ordered = rows[np.argsort(at[rows], kind="stable")]
        digest = hashlib.blake2b(meaning + hashes[ordered].tobytes(), digest_size=32)
        yield int(at[rows][known[rows]].max()), digest.hexdigest()
