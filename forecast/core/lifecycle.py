"""A model's life: uninitialized, initializing, ready, error, and back.

The state is one frozen snapshot that is swapped under one lock. Loading, forecasting and draining run
outside the lock, so status is answered at once whatever the model does.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Generic

from forecast.core.adapter import Adapter, ModelConfig, Task
from forecast.core.configuration import check_lengths, choose_config, require_same
from forecast.core.errors import (
    DeadlineError,
    InitializingError,
    NotInitializedError,
    SapheneiaError,
    ShutDownError,
)
from forecast.core.figures import Figures
from forecast.core.job import Answer
from forecast.core.line import QueueBounds
from forecast.core.load import Load, tellable
from forecast.core.loading import load_model, unload_model
from forecast.core.memory import release_memory
from forecast.core.model_settings import ModelSettings
from forecast.core.progress import LoadProgress, current_progress, tracked
from forecast.core.result_cache import ResultCache
from forecast.core.schemas import InitializationRequest
from forecast.core.snapshot import Loaded, Ready, Snapshot, Status
from forecast.core.turns import batch_limits
from forecast.core.warm_up import warm_up_task
from forecast.core.worker import Worker, WorkerLoad

log = logging.getLogger(__name__)

_WARM_UP_PATIENCE_SECONDS = 600.0


class ModelService(Generic[Loaded]):
    """One model of the gateway: loads it, puts requests before its worker, lets it go."""

    def __init__(self, adapter: Adapter[Loaded], settings_type: type[ModelSettings], folder: Path) -> None:
        self.adapter = adapter
        self.figures = Figures(adapter.model_id)
        self._settings_type = settings_type
        self.folder = folder
        self._lock = threading.Lock()
        self._snapshot: Snapshot[Loaded] = Snapshot()

    @cached_property
    def settings(self) -> ModelSettings:
        """The model's settings, read from the environment when first needed."""
        return self._settings_type()

    def read_settings(self) -> None:
        """Read the settings anew; raise ValidationError where they are not valid."""
        self.settings = self._settings_type()

    def version_of(self, config: ModelConfig) -> str:
        """Return which weights and which version of the library make the forecasts of a configuration."""
        library = self.adapter.library
        return f"{config.source} ({library} {distribution_version(library)})"

    @property
    def snapshot(self) -> Snapshot[Loaded]:
        """The state now; never blocks on loading or forecasting."""
        return self._snapshot

    def get_status(self) -> tuple[Status, str | None]:
        """Return the status and, for `error`, what went wrong."""
        now = self._snapshot
        return now.status, now.details if now.status == "error" else None

    def get_model_config(self) -> ModelConfig | None:
        """Return what the model is loaded with, or None."""
        return self._snapshot.config

    def get_model_source_info(self) -> str | None:
        """Return where the weights came from, such as `hf:google/…`, or None when not loaded."""
        config = self._snapshot.config
        return config.source if config else None

    def read_load(self) -> WorkerLoad | None:
        """Return what the worker has to do, or None when the model is not loaded."""
        ready = self._snapshot.ready
        return ready.worker.load() if ready else None

    def initialize(
        self, request: InitializationRequest | None = None, seen: Snapshot[Loaded] | None = None
    ) -> Snapshot[Loaded]:
        """Load the model as the request asks and return the state; loads behind when `wait` is false.

        Raises ConfigConflictError when it is loaded otherwise, InitializingError while it loads or drains
        or where the state is no longer the one `seen`, LicenceError where a licence is to be accepted;
        BackendError, CheckpointError and NotSupportedError where it cannot be loaded.
        """
        request = request or InitializationRequest()
        self._refuse_if_busy(self._snapshot)  # before anybody else is asked what an alias means
        config = choose_config(self.adapter, self.settings, request, self.folder)
        by_default = not request.model_dump(exclude_defaults=True, exclude={"wait"})
        attempt = self._begin(config, Load(by_default), seen)
        if attempt.status == "ready":
            return attempt
        if request.wait:
            return self._run(attempt, config)
        name = f"load-{self.adapter.model_id}"
        thread = threading.Thread(target=self._load_behind, args=(attempt, config), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the host has no thread left
            self._settle(attempt, replace(_failed(attempt, error), details="No thread left."))
            attempt.load.end(error)
            raise
        return attempt

    def start(self) -> None:
        """Load the model behind with its default settings; where that cannot begin, the state tells why."""
        try:
            self.initialize(InitializationRequest(wait=False))
        except InitializingError:
            return  # a caller was faster
        except Exception as error:
            unforeseen = not isinstance(error, SapheneiaError)
            log.warning("model=%s start_failed", self.adapter.model_id, exc_info=unforeseen)
            idle: Snapshot[Loaded] = Snapshot(load=Load(by_default=True))
            idle.load.end(error)
            with self._lock:
                if self._snapshot.status == "uninitialized" and not self._snapshot.draining:
                    self._snapshot = _failed(idle, error)

    def _begin(self, config: ModelConfig, load: Load, seen: Snapshot[Loaded] | None) -> Snapshot[Loaded]:
        """Return the attempt to load that may go on, or the state where it is ready so already."""
        with self._lock:
            now = self._snapshot
            self._refuse_if_busy(now, seen)
            if now.status == "ready" and now.config is not None:
                require_same(now.config, config)
                return now
            self._snapshot = Snapshot("initializing", config=config, progress=LoadProgress(), load=load)
            return self._snapshot

    def _refuse_if_busy(self, now: Snapshot[Loaded], seen: Snapshot[Loaded] | None = None) -> None:
        if now.draining or now.status == "initializing" or seen not in (None, now):
            doing = "draining after a shutdown" if now.draining else "being initialized"
            raise InitializingError(f"The model is {doing}; try again shortly.", retry_after=1)

    def _load_behind(self, attempt: Snapshot[Loaded], config: ModelConfig) -> None:
        try:
            self._run(attempt, config)
        except SapheneiaError as error:
            log.warning("model=%s load_failed=%s", self.adapter.model_id, error.code)
        except Exception:
            log.exception("model=%s load_failed=unexpected", self.adapter.model_id)

    def _run(self, attempt: Snapshot[Loaded], config: ModelConfig) -> Snapshot[Loaded]:
        try:
            loaded = self._load(attempt, config)
        except BaseException as error:
            attempt.load.end(error)
            raise
        attempt.load.end()
        return loaded

    def _load(self, attempt: Snapshot[Loaded], config: ModelConfig) -> Snapshot[Loaded]:
        try:
            with tracked(attempt.progress or LoadProgress()):
                ready = self._make_ready(config)
        except BaseException as error:
            failed = _failed(attempt, error)
            release_memory()
            self._settle(attempt, failed)
            raise
        loaded = replace(attempt, status="ready", ready=ready, progress=None)
        if not self._swap(attempt, loaded):
            try:
                self._let_go(ready)
                del ready, loaded
                release_memory()
            finally:
                self._settle(attempt, Snapshot())
            raise ShutDownError("The model was shut down while it was loading.")
        log.info("model=%s ready source=%s", self.adapter.model_id, config.source)
        return loaded

    def _make_ready(self, config: ModelConfig) -> Ready[Loaded]:
        loaded, weights = load_model(self.adapter, config)
        worker: Worker | None = None
        try:
            current_progress().begin("warming up")
            limits = self.adapter.limits(loaded)
            check_lengths(config, limits)
            worker = Worker(
                lambda tasks: self.adapter.predict(loaded, tasks),
                self.adapter.batch_key,
                self.adapter.width,
                limits=batch_limits(
                    config, limits.max_batch or self.adapter.max_batch, limits.quick_batch or 0
                ),
                bounds=QueueBounds(self.settings.queue_size, self.settings.queue_bytes),
                figures=self.figures,
            )
            # The first forecast pages weights in and proves the model, the second teaches its pace.
            for _ in range(2):
                current_progress().check()
                task = warm_up_task(self.adapter, loaded, config, limits)
                worker.submit([task], _WARM_UP_PATIENCE_SECONDS).result()
        except BaseException:
            if worker is not None:
                worker.close()
            unload_model(self.adapter, loaded)
            raise
        cache = ResultCache(self.settings.result_cache_bytes, self.settings.result_cache_seconds)
        return Ready(loaded, worker, limits, weights, cache)

    def _swap(self, expected: Snapshot[Loaded], new: Snapshot[Loaded]) -> bool:
        with self._lock:
            if self._snapshot is not expected:
                return False
            self._snapshot = new
            return True

    def _settle(self, attempt: Snapshot[Loaded], outcome: Snapshot[Loaded]) -> None:
        """End a load that came to nothing; one that was shut down leaves an empty state."""
        with self._lock:
            self._snapshot = outcome if self._snapshot is attempt else Snapshot()

    def require_ready(self) -> tuple[ModelConfig, Ready[Loaded]]:
        """Return the configuration and the loaded model, or raise NotInitializedError."""
        now = self._snapshot
        if now.ready is None or now.config is None:
            told = {
                "initializing": "The model is still being initialized.",
                "error": f"It could not be loaded ({now.code}); its status tells an operator's key why.",
            }.get(
                now.status, f"Initialize it first: POST /forecast/v1/{self.adapter.model_id}/initialization."
            )
            raise NotInitializedError(f"The model '{self.adapter.model_id}' is not initialized. {told}")
        return now.config, now.ready

    def submit(self, tasks: Sequence[Task], patience: float | None = None) -> Future[Answer]:
        """Queue tasks and return the future of their answer; see Worker.submit."""
        _, ready = self.require_ready()
        return ready.worker.submit(tasks, patience or self.settings.timeout_seconds)

    def run_inference(self, tasks: Sequence[Task], patience: float | None = None) -> Answer:
        """Forecast tasks and return the answer; raise DeadlineError after `patience` seconds."""
        seconds = patience or self.settings.timeout_seconds
        future = self.submit(tasks, seconds)
        if not wait([future], seconds).done:
            future.cancel()
            raise DeadlineError("The deadline passed before the forecast was made.")
        return future.result()

    def shutdown(self) -> bool:
        """Drain, let the model go and give its memory back; return whether there was anything to stop."""
        with self._lock:
            before = self._snapshot
            if before.draining:
                return True
            # A load ends at its next sign of progress: until then, nothing else is loaded beside it.
            draining = before.status in ("ready", "initializing")
            load = before.load if before.status == "initializing" else Load()
            told = "Draining." if draining else None
            mine = self._snapshot = Snapshot(draining=draining, details=told, load=load)
        if before.progress is not None:
            before.progress.cancel()
        if before.ready is None:
            return before.status != "uninitialized"
        try:
            self._let_go(before.ready)
            del before
            release_memory()
        finally:
            self._swap(mine, Snapshot())
            mine.load.end()
        log.info("model=%s shut_down=true", self.adapter.model_id)
        return True

    def _let_go(self, ready: Ready[Loaded]) -> None:
        ready.worker.close()
        unload_model(self.adapter, ready.loaded)


def _failed(attempt: Snapshot[Loaded], error: BaseException) -> Snapshot[Loaded]:
    told = tellable(error)
    return replace(attempt, status="error", details=told.detail, code=told.code, progress=None)


@cache
def distribution_version(name: str) -> str:
    """Return the version of an installed distribution."""
    return metadata.version(name)
