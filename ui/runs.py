"""Runs: the forecasts that a visitor asked several models for, and their comparison on a holdout."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ui.api_client import Gateway
from ui.background import Background
from ui.choices import Choices
from ui.earlier import leave_note
from ui.execution import Execution
from ui.formats import plural
from ui.formats import step as step_of
from ui.steps import KINDS, Kind, Run, Step
from ui.store import Store
from ui.tables import Table


class Runs:
    """The runs of all visitors; who has the address of one may see it."""

    def __init__(self, store: Store, gateway: Gateway, background: Background) -> None:
        self._store = store
        self._gateway = gateway
        self._background = background

    def start(self, table: Table, choices: Choices, names: Mapping[str, str] | None = None) -> str:
        """Begin to forecast and return the run's ID; `names` has those of models by their IDs."""
        kinds = KINDS if choices.holdout else KINDS[:1]
        steps = tuple(Step(model, kind) for kind in kinds for model in choices.models)
        run = Run(self._store.make("runs"), table, choices, time.time(), {}, steps, names or {})
        self._store.write("runs", run.id, "table", asdict(table))
        self._keep(run)
        ahead = plural(choices.horizon, step_of(table.report["freq"]))
        leave_note(self._store, "runs", run.id, table.owner, f"{table.name}: {ahead} ahead")
        self._background.start(run.id, Execution(run, self._store, self._gateway, self._keep).go())
        return run.id

    def find(self, run_id: str) -> Run:
        """Return a run; raise NotFoundError where there is none. One that a restart ended is cancelled."""
        kept = self._store.read("runs", run_id, "run")
        run = Run(
            id=run_id,
            table=Table(**self._store.read("runs", run_id, "table")),
            choices=Choices.model_validate(kept["choices"]),
            begun=kept["begun"],
            paths=kept["paths"],
            steps=tuple(Step(**step) for step in kept["steps"]),
            names=kept.get("names", {}),
        )
        if run.ended or self._background.runs(run_id):
            return run
        # It may have ended since it was read.
        kept = self._store.read("runs", run_id, "run")
        steps = tuple(Step(**step) for step in kept["steps"])
        return replace(run, paths=kept["paths"], steps=steps).stopped()

    def cancel(self, run_id: str) -> None:
        """End a run: the connections to the gateway are closed, which drops the work."""
        self._background.cancel(run_id)

    def answer(self, run_id: str, model: str, kind: Kind) -> dict[str, Any]:
        """Return the gateway's answer for a model; raise NotFoundError where it gave none."""
        return self._store.read("runs", run_id, f"{kind}-{model}")

    def _keep(self, run: Run) -> None:
        kept = {
            "choices": run.choices.model_dump(mode="json"),
            "begun": run.begun,
            "paths": dict(run.paths),
            "names": dict(run.names),
            "steps": [asdict(step) for step in run.steps],
        }
        self._store.write("runs", run.id, "run", kept)
