"""Tables of the models: which there are, and what each can do."""

import os
from importlib import import_module
from pathlib import Path

from pydantic import BaseModel

import forecast.models
from forecast.core.model_settings import ModelSettings
from forecast.core.series.calendar_covariates import calendar_rows
from forecast.models import MODEL_REGISTRY, SPEEDS, get_available_models, get_service
from scripts.documentation.markdown import table
from scripts.model_kinds import ABILITIES, COVARIATES, MATRIX, ability_rows, capability_rows, covariate_rows


def write_models(_: str, page: Path) -> str:
    """Return the table of the active models, linked to their documentation."""
    rows = []
    for model_id in get_available_models():
        entry, can = MODEL_REGISTRY[model_id], get_service(model_id).adapter.capabilities
        link = os.path.relpath(
            Path(forecast.models.__file__).parent / model_id / "documentation/overview.md", page.parent
        )
        weights = own_type(model_id, ModelSettings).model_fields["default_checkpoint"].default
        rows.append(
            (
                f"[`{model_id}`]({link})",
                entry["description"],
                entry["use_it_when"],
                f"`{weights}`" if weights else "none",
                can.max_context or "no limit",
                can.max_horizon or "no limit",
                COVARIATES[can.covariates],
                write_bytes(entry["memory_bytes"]),
                entry["speed"],
                entry["licence"],
            )
        )
    heads = "id, what it is, use it when, weights, context, horizon, covariates, memory, speed, licence"
    return table(heads.split(", "), rows)


def write_bytes(count: int | None) -> str:
    """Return a number of bytes in words."""
    return f"{(count or 0) / 1e9:.2g} GB"


def write_speeds(_: str, page: Path) -> str:
    """Return the table of the speed classes."""
    return table(("speed", "one series takes"), [(f"`{speed}`", told) for speed, told in SPEEDS.items()])


def write_capabilities(model_id: str, page: Path) -> str:
    """Return the table of what a model can do."""
    return table(("capability", "value"), capability_rows(get_service(model_id).adapter.capabilities))


def write_abilities(_: str, page: Path) -> str:
    """Return the table of what each model, and each family of its checkpoints, can do."""
    return table(ABILITIES, ability_rows())


def write_covariates(_: str, page: Path) -> str:
    """Return the matrix of the covariates that each model uses."""
    return table(MATRIX, covariate_rows())


def write_calendar(_: str, page: Path) -> str:
    """Return the table of the covariates that are made of dates."""
    steps = {1: "a day", 2: "two days", 7: "a week", 28: "a month", 365: "a year"}
    rows = ((f"`{name}`", meaning, kind, steps[within]) for name, kind, within, meaning in calendar_rows())
    return table(("name", "meaning", "kind", "for steps shorter than"), rows)


def own_type(model_id: str, base: type[BaseModel]) -> type[BaseModel]:
    """Return a model's own subclass of a schema, or the schema itself where it has none."""
    module = import_module(f"{MODEL_REGISTRY[model_id]['module']}.schemas.schema")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    return own[0] if own else base
