"""A run, and the steps it takes: each model's forecast, and that of the holdout."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal

from ui.choices import Choices
from ui.tables import Table

Kind = Literal["forecast", "holdout"]
Status = Literal["waiting", "loading", "running", "done", "failed", "cancelled"]
KINDS: tuple[Kind, ...] = ("forecast", "holdout")
_WITHOUT_COVARIATES = ("target", "timestamp", "id")


@dataclass(frozen=True, slots=True)
class Step:
    """One model's forecast, or that of the holdout: how far it is, and what went wrong.

    `pause_ends` is the time at which a pause that the gateway asked for ends, `over_quota` whether it is the
    quota that asks for it; `seconds` are those of its work, without the pauses.
    """

    model: str
    kind: Kind
    status: Status = "waiting"
    error: str | None = None
    percent: float | None = None
    seconds: float | None = None
    pause_ends: float | None = None
    over_quota: bool = False

    @property
    def pause_left(self) -> int:
        """The seconds left of a pause, 0 where there is none."""
        return 0 if self.ended or self.pause_ends is None else max(0, ceil(self.pause_ends - time.time()))

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked of which table, and how far it is.

    `paths` names what the gateway keeps for it, `names` has the models' names by their IDs.
    """

    id: str
    table: Table
    choices: Choices
    begun: float
    paths: Mapping[str, str]
    steps: tuple[Step, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return all(step.ended for step in self.steps)

    @property
    def status(self) -> Literal["running", "done", "failed", "cancelled"]:
        """The state of the whole: once all steps have ended, done if one model has a forecast."""
        if not self.ended:
            return "running"
        kinds = {step.status for step in self.steps if step.kind == "forecast"}
        return "done" if "done" in kinds else "cancelled" if "cancelled" in kinds else "failed"

    @property
    def kinds(self) -> list[Kind]:
        """What its steps are of: forecasts, and where it was asked for the holdout."""
        return list(dict.fromkeys(step.kind for step in self.steps))

    def name_of(self, model: str) -> str:
        """Return the name of a model, its ID where it has none of its own."""
        name = self.names.get(model, model)
        return name if [*self.names.values()].count(name) <= 1 else model

    def done(self, kind: Kind) -> list[str]:
        """Return the models whose forecast of a kind is there, in the order they were chosen in."""
        return [step.model for step in self.steps if step.kind == kind and step.status == "done"]

    def body(self, kind: Kind) -> dict[str, Any]:
        """Return the body of the inference that the gateway is sent."""
        parameters = self.choices.parameters(self.table.report["freq"])
        if kind == "holdout":
            parameters.pop("context_end_date", None)
        covariates = self.choices.use_covariates
        return {
            "data_source_url_or_path": self.paths.get(kind, ""),
            "data_definition": {
                name: role
                for name, role in self.table.roles.items()
                if covariates or role in _WITHOUT_COVARIATES
            },
            "parameters": parameters,
        }

    def told(self, step: Step) -> "Run":
        """Return the run with a step as it is now."""
        same = (step.model, step.kind)
        return replace(
            self, steps=tuple(step if (old.model, old.kind) == same else old for old in self.steps)
        )

    def failed(self, error: str, kinds: tuple[Kind, ...] = KINDS) -> "Run":
        """Return the run with what has not ended, of these kinds, failed for one reason."""
        return self._close("failed", error, kinds)

    def stopped(self) -> "Run":
        """Return the run with what has not ended cancelled."""
        return self._close("cancelled", None, KINDS)

    def _close(self, status: Status, error: str | None, kinds: tuple[Kind, ...]) -> "Run":
        steps = (
            step if step.ended or step.kind not in kinds else replace(step, status=status, error=error)
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))
