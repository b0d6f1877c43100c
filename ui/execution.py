"""What a run does: lets the gateway keep its tables, loads its models, and asks each for its forecasts."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from ui.api_client import Gateway, patiently
from ui.errors import GatewayError
from ui.steps import Kind, Run, Step
from ui.store import Store
from ui.tables import request_body

_POLL_SECONDS = 0.5
_QUOTA_STATUS = 429
_FAILED = "The page failed; the operator's log says how."


class _Clock:
    """Counts the seconds of a step's work, `paused` aside."""

    def __init__(self) -> None:
        self._began = monotonic()
        self.paused = 0.0

    def worked(self) -> float:
        return max(0.0, monotonic() - self._began - self.paused)


class Execution:
    """One run while it goes on; `keep` is given the run whenever it has come further."""

    def __init__(self, run: Run, store: Store, gateway: Gateway, keep: Callable[[Run], None]) -> None:
        self._run = run
        self._store = store
        self._gateway = gateway
        self._keep = keep

    async def go(self) -> None:
        """Take all steps, those of different models beside each other."""
        try:
            for kind in self._run.kinds:
                await self._prepare(kind)
            async with asyncio.TaskGroup() as models:
                for model in self._run.choices.models:
                    models.create_task(self._serve(model))
        except Exception:
            self._tell(self._run.failed(_FAILED))
            raise

    async def _prepare(self, kind: Kind) -> None:
        """Let the gateway keep the table as it is repaired; for the holdout without its last horizon."""
        body, horizon = request_body(self._run.table), self._run.choices.horizon
        if kind == "holdout":
            body["holdout"] = horizon
            if len(self._run.table.series_ids()) > 1:
                # One series that is too short keeps none of the others from being tested.
                body["repairs"] = {**body.get("repairs", {}), "no_values": "drop_series"}
        try:
            steps = [step for step in self._run.steps if step.kind == kind]
            pausing = partial(self._pause, steps)
            report = await patiently(partial(self._gateway.read_table, body), pausing)
            path = _path_of(report, horizon if kind == "holdout" else 0)
        except GatewayError as error:
            self._tell(self._run.failed(error.detail, (kind,)))
        else:
            self._tell(replace(self._run, paths={**self._run.paths, kind: path}))

    async def _serve(self, model: str) -> None:
        """Take a model's steps, one after the other."""
        for step in self._run.steps:
            if step.model != model or step.ended:
                continue
            clock = _Clock()
            try:
                await self._load(step, clock)
                running = replace(step, status="running")
                self._tell(self._run.told(running))
                body = self._run.body(step.kind)
                pausing = partial(self._pause, [running], clock=clock)
                answer = await patiently(partial(self._gateway.forecast, model, body), pausing)
            except GatewayError as error:
                self._tell(self._run.told(replace(step, status="failed", error=error.detail)))
            else:
                await asyncio.to_thread(
                    self._store.write, "runs", self._run.id, f"{step.kind}-{model}", answer
                )
                self._tell(self._run.told(replace(step, status="done", seconds=clock.worked())))

    def _pause(
        self, steps: Sequence[Step], status: int, seconds: float, clock: "_Clock | None" = None
    ) -> None:
        """Tell of some steps that they wait, and for how long."""
        if clock is not None:
            clock.paused += seconds
        run, ends = self._run, time.time() + seconds
        for step in steps:
            run = run.told(replace(step, pause_ends=ends, over_quota=status == _QUOTA_STATUS))
        self._tell(run)

    async def _load(self, step: Step, clock: "_Clock") -> None:
        """Return when the model is ready, having begun its load where that is needed."""
        begun = False
        while (state := await self._state(step.model))["status"] != "ready":
            if state["status"] == "initializing":
                percent = await self._percent(step.model)
                self._tell(self._run.told(replace(step, status="loading", percent=percent)))
            elif begun:
                raise GatewayError(await self._reason(step.model), status=409)
            else:
                begun = await patiently(
                    partial(self._gateway.initialize, step.model), partial(self._pause, [step], clock=clock)
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _reason(self, model: str) -> str:
        return (await self._gateway.progress(model)).get("details") or "The model did not load."

    async def _percent(self, model: str) -> float | None:
        progress = (await self._gateway.glance(model)).get("progress") or {}
        found: float | None = progress.get("percent")
        return found

    async def _state(self, model: str) -> dict[str, Any]:
        states: dict[str, dict[str, Any]] = (await self._gateway.health())["models"]
        if model not in states:
            raise GatewayError(f"The forecasting service has no model '{model}'.", status=404)
        return states[model]

    def _tell(self, run: Run) -> None:
        if run != self._run:
            self._run = run
            self._keep(run)


def _path_of(report: dict[str, Any], held_out: int) -> str:
    """Return where the gateway keeps a table; raise GatewayError with the first problem in its way."""
    if report["path"] is not None:
        return str(report["path"])
    first = next((problem for problem in report["problems"] if problem["blocking"]), None)
    if first is None:
        raise GatewayError("The table cannot be forecast.", status=422)
    if held_out and first["code"] == "no_values":
        told = f"No series has more than {held_out} known values, so there is nothing to test on."
        raise GatewayError(told, status=422)
    raise GatewayError(first["message"], status=422)
