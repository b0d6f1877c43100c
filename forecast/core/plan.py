"""What one inference request asks of a model: checked, cut into tasks, ready to queue."""

from dataclasses import dataclass
from typing import Any

from forecast.core.ability import lacking
from forecast.core.adapter import Capabilities, CovariateMode, ModelConfig, Options, Task
from forecast.core.data.table import Table
from forecast.core.errors import NotSupportedError, RequestError
from forecast.core.lifecycle import ModelService
from forecast.core.limits import check_horizon, keep_within
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.quantiles import task_levels
from forecast.core.series.groups import Groups
from forecast.core.series.panel import Panel, build_panel
from forecast.core.snapshot import Ready
from forecast.core.xreg import Regressed, apply_xreg, check_xreg


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The tasks of one request, and what it takes to turn their forecasts into its answer.

    The tasks are of the panel's series in order, those of one series' several targets being one task.
    `regressed` has the way back from in-context regression, where there was one. `ready` is the loaded model
    that the plan was made for.
    """

    tasks: tuple[Task, ...]
    panel: Panel
    parameters: Parameters
    regressed: Regressed
    model_version: str
    ready: Ready[Any]


def make_plan(
    service: ModelService[Any],
    request: InferenceRequest[Any],
    table: Table,
    *,
    by_clock: bool | None = None,
    groups: Groups | None = None,
) -> Plan:
    """Return the plan of a request on its table; `by_clock` and `groups` are those of build_panel.

    Raises HorizonError and RequestError beyond the model's limits, NotSupportedError where it cannot use
    covariates or several targets as it is asked to, and the errors of build_panel.
    """
    config, ready = service.require_ready()
    parameters: Parameters = request.parameters
    options = read_options(service, parameters)
    mode, horizon, context = check_request(service, request, config, ready)
    levels = task_levels(parameters, ready.limits)
    limits = ready.limits
    panel = build_panel(
        table,
        request.data_definition,
        parameters,
        horizon=horizon,
        context_len=context,
        limits=limits,
        by_clock=by_clock,
        groups=groups,
    )
    panel = keep_within(
        lambda one: service.adapter.series_limits(ready.loaded, one, options), parameters, panel
    )
    regressed = apply_xreg(panel.series, mode, parameters)
    together = len(panel.target_names)
    targets = (regressed.series[at : at + together] for at in range(0, len(regressed.series), together))
    tasks = tuple(
        Task(first, horizon, levels, options, regressed.backcast, tuple(companions))
        for first, *companions in targets
    )
    return Plan(tasks, panel, parameters, regressed, service.version_of(config), ready)


def check_request(
    service: ModelService[Any], request: InferenceRequest[Any], config: ModelConfig, ready: Ready[Any]
) -> tuple[CovariateMode, int, int | None]:
    """Return who uses the covariates of a request, its horizon and its context, whatever its table holds.

    Raises the errors of make_plan that the table has no part in.
    """
    parameters: Parameters = request.parameters
    mode = service.adapter.covariate_mode(ready.loaded, read_options(service, parameters))
    declared = [name for name, role in request.data_definition.items() if role.endswith("cal")]
    declared += parameters.calendar_names
    if declared and parameters.use_covariates and mode == "none":
        raise NotSupportedError(
            f"This checkpoint of '{service.adapter.model_id}' takes no covariates ({', '.join(declared)});"
            " leave them out, or pass 'use_covariates': false.",
            details={"covariates": declared},
        )
    check_xreg(service.adapter, ready.limits, mode, parameters)
    if parameters.multivariate and not ready.limits.multivariate:
        raise lacking(service.adapter, "multivariate", "forecasts one target at a time")
    if parameters.missing == "model" and not ready.limits.missing:
        raise lacking(service.adapter, "missing", "takes no gaps, which 'missing': 'model' would leave to it")
    task_levels(parameters, ready.limits)
    return mode, *_lengths(parameters, config, ready.limits)


def read_options(service: ModelService[Any], parameters: Parameters) -> Options:
    """Return the parameters that only this model has."""
    kind = service.adapter.options_type
    return kind.model_construct(**{name: getattr(parameters, name) for name in kind.model_fields})


def _lengths(parameters: Parameters, config: ModelConfig, limits: Capabilities) -> tuple[int, int | None]:
    horizon = parameters.horizon_len or config.horizon_len
    check_horizon(horizon, limits)
    asked = parameters.context_len
    if asked is not None and limits.max_context is not None and asked > limits.max_context:
        raise RequestError(
            f"context_len {asked} is above this model's limit of {limits.max_context}.",
            details={"context_len": asked, "max_context": limits.max_context},
        )
    return horizon, asked or config.context_len or limits.max_context
