"""The figures of all server processes of one gateway as one: each leaves its own in a folder that all read.

Counts of a process that has ended stay in the sum, so that it never falls; its gauges do not.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson
from anyio import sleep
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""How old the figures of another process may be."""

_LASTING = ("counter", "histogram")
# All others are summed up.
_TOGETHER: dict[str, Callable[[float, float], float]] = {
    "process_start_time_seconds": min,
    "sapheneia_memory_limit_bytes": max,
    "sapheneia_model_load_seconds": max,
}


Sample = tuple[str, tuple[tuple[str, str], ...]]


class Family(NamedTuple):
    """A metric with its samples: name, labels, value."""

    name: str
    text: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


class SharedFigures(Collector):
    """The figures of a registry, and with a folder those of all the processes that share it."""

    def __init__(self, registry: Collector, folder: Path | None) -> None:
        self._registry = registry
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Yield each family of all processes once."""
        own = list(_read(self._registry))
        self._leave(own)
        return [_metric(family) for family in add_up([own, *self._others()])]

    async def leave_always(self) -> None:
        """Leave this process' figures to the others, time and again; at once where there are none."""
        while self._folder is not None:
            self.leave()
            await sleep(PAUSE_SECONDS)

    def leave(self) -> None:
        """Leave this process' figures to the others, as they are now."""
        if self._folder is not None:
            self._leave(list(_read(self._registry)))

    def _leave(self, families: list[Family]) -> None:
        # Before they are told: what another process tells next must not be less.
        if self._folder is None:
            return
        written = self._folder / f"{os.getpid()}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            written.write_bytes(orjson.dumps([tuple(family) for family in families]))
            written.replace(written.with_suffix(".json"))
        except OSError as error:  # a full disk must not end the service
            log.warning("metrics=not_shared cause=%s", type(error).__name__)

    def _others(self) -> Iterator[list[Family]]:
        if self._folder is None:
            return
        for file in sorted(self._folder.glob("*.json")):
            if file.stem == str(os.getpid()):
                continue
            families = [Family(*family) for family in orjson.loads(file.read_bytes())]
            lives = is_alive(int(file.stem))
            yield [family for family in families if lives or family.kind in _LASTING]


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def add_up(processes: Iterable[list[Family]]) -> list[Family]:
    """Return the families of several processes as those of one."""
    known: dict[str, Family] = {}
    sums: dict[str, dict[Sample, float]] = {}
    for family in (family for families in processes for family in families):
        known.setdefault(family.name, family)
        values = sums.setdefault(family.name, {})
        together = _TOGETHER.get(family.name, float.__add__)
        for name, labels, value in family.samples:
            key = name, tuple(labels.items())
            values[key] = together(values[key], value) if key in values else value
    return [family._replace(samples=_samples(sums[family.name])) for family in known.values()]


def _samples(values: Mapping[Sample, float]) -> list[tuple[str, dict[str, str], float]]:
    return [(name, dict(labels), value) for (name, labels), value in values.items()]


def _read(registry: Collector) -> Iterator[Family]:
    for metric in registry.collect():
        # When a series began is of use to OpenMetrics only, and as long as the series themselves.
        samples = [
            (each.name, dict(each.labels), float(each.value))
            for each in metric.samples
            if not each.name.endswith("_created")
        ]
        yield Family(metric.name, metric.documentation, metric.type, samples)


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.text, family.kind)
    for name, labels, value in family.samples:
        metric.add_sample(name, labels, value)
    return metric
