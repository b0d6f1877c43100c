"""Whether this process can serve: the models that it must have are loaded, and it is not about to end."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from forecast.core.lifecycle import ModelService

Told = Literal["ready", "not ready", "draining"]


class Readiness:
    """Looks at the models that are loaded at start; `ends_when` says what tells that the process ends."""

    def __init__(self, services: Mapping[str, ModelService[Any]], required: Collection[str]) -> None:
        self.required = required
        self._services = services
        self._ending: Callable[[], bool] = lambda: False

    def ends_when(self, ending: Callable[[], bool]) -> None:
        """Have `ending` asked from now on whether the process is about to end."""
        self._ending = ending

    @property
    def ending(self) -> bool:
        """Whether the process is about to end: it answers, and is to be sent nothing more."""
        return self._ending()

    def read(self, statuses: Mapping[str, str | None] | None = None) -> Told:
        """Return what a balancer is to be told; of models in services of their own `statuses` tell."""
        if self.ending:
            return "draining"
        here = {
            name: self._services[name].snapshot.status for name in self.required if name in self._services
        }
        loaded = all(status == "ready" for status in {**here, **(statuses or {})}.values())
        return "ready" if loaded else "not ready"
