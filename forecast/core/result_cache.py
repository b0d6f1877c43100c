"""Forecasts that were made already: what a client asks again, of the same model, is answered from memory."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forecast.core.adapter import Covariate, Forecast, Series, Task
from forecast.core.job import Answer
from forecast.core.series.ticks import read_ticks

_OVERHEAD = 1_000
"""About the bytes that a forecast takes beside its arrays."""


class ResultCache:
    """The newest forecasts of one loaded model, at most so many bytes of them, each for so many seconds.

    It goes with the model, so that none outlives the weights and the configuration that it was made with.
    Safe to use from many threads.
    """

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[float, int, Forecast]] = OrderedDict()
        self._bytes = 0

    def keys(self, tasks: Sequence[Task], client_id: str) -> list[bytes]:
        """Return what names a client's forecasts of tasks; nothing where none are remembered."""
        return name_tasks(tasks, client_id) if self._most_bytes else []

    def find(self, keys: Sequence[bytes]) -> dict[int, Forecast]:
        """Return the forecasts that are remembered, by their places in `keys`."""
        now = time.monotonic()
        with self._lock:
            entries = {place: self._kept.get(key) for place, key in enumerate(keys)}
            found = {place: one[2] for place, one in entries.items() if one and one[0] > now}
            for place in found:
                self._kept.move_to_end(keys[place])
        return found

    def keep(self, keys: Sequence[bytes], forecasts: Sequence[Forecast]) -> None:
        """Remember forecasts by their keys, and forget the oldest where they take too much."""
        until = time.monotonic() + self._seconds
        with self._lock:
            for key, forecast in zip(keys, forecasts, strict=True):
                size = _size(forecast)
                if key in self._kept:
                    self._bytes -= self._kept.pop(key)[1]
                self._kept[key] = (until, size, forecast)
                self._bytes += size
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """What is remembered of one request's tasks; `known` has forecasts by their places among the tasks."""

    cache: ResultCache
    tasks: Sequence[Task]
    keys: Sequence[bytes]
    known: Mapping[int, Forecast]

    @property
    def missing(self) -> list[Task]:
        """The tasks that have to be computed."""
        return [task for place, task in enumerate(self.tasks) if place not in self.known]

    def complete(self, answer: Answer) -> Answer:
        """Return the answer for all tasks, given that for the missing ones, which is remembered."""
        places = [place for place in range(len(self.tasks)) if place not in self.known]
        made = dict(zip(places, answer.forecasts, strict=True))
        if self.keys:
            self.cache.keep([self.keys[place] for place in places], answer.forecasts)
        whole = {**self.known, **made}
        forecasts = [whole[place] for place in range(len(self.tasks))]
        return replace(answer, forecasts=forecasts, cached=len(self.known))


def recall(cache: ResultCache, tasks: Sequence[Task], client_id: str, *, fresh: bool) -> Recall:
    """Return what is remembered of a client's tasks; nothing where it wants them computed afresh."""
    keys = cache.keys(tasks, client_id)
    return Recall(cache, tasks, keys, {} if fresh else cache.find(keys))


def name_tasks(
    tasks: Sequence[Task], client_id: str, targets: Iterable[Sequence[Series]] | None = None
) -> list[bytes]:
    """Return a digest of all that each task's forecast depends on; a client's equal tasks have equal ones.

    Another client's differ: how fast an answer comes must not tell who asked the same before. `targets` are
    the series to be told of each task, by default its own.
    """
    told: dict[
        Hashable, bytes
    ] = {}  # by identity: telling what many have in common takes longer than the rest
    series = [task.targets for task in tasks] if targets is None else targets
    return [_name(task, own, client_id, told) for task, own in zip(tasks, series, strict=True)]


def _name(task: Task, targets: Sequence[Series], client_id: str, told: dict[Hashable, bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    common = (task.horizon, task.levels, id(task.options), task.backcast)
    if common not in told:
        told[common] = _words(client_id, task.horizon, task.levels, task.options, task.backcast)
    digest.update(told[common])
    for one in targets:
        _tell_series(digest, one, told)
    return digest.digest()


def _tell_series(digest: Any, series: Series, told: dict[Hashable, bytes]) -> None:
    digest.update(_words(series.unique_id, series.freq, series.season_length, series.index.tz))
    for index in (series.index, series.future_index):
        if id(index) not in told:
            told[id(index)] = read_ticks(index).tobytes()
        digest.update(told[id(index)])
    digest.update(series.target.tobytes())
    for covariate in series.covariates:
        _tell_covariate(digest, covariate)


def _tell_covariate(digest: Any, covariate: Covariate) -> None:
    digest.update(_words(covariate.name, covariate.kind, covariate.static, covariate.future is None))
    for values in (covariate.past, covariate.future):
        if values is not None:
            digest.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())


def _words(*facts: object) -> bytes:
    return repr(facts).encode()


def _size(forecast: Forecast) -> int:
    """Return about how many bytes a forecast takes, its arrays made read-only: others will get them too."""
    size = 0
    for one in forecast.targets:
        for array in (one.mean, one.quantiles, *(() if one.backcast is None else (one.backcast,))):
            array.flags.writeable = False
            size += array.nbytes
    return size + _OVERHEAD * len(forecast.targets)
