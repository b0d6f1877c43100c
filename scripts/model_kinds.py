"""What each model, and each family of its checkpoints, can do: the rows of docs/models.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from forecast.core.adapter import Capabilities, Kind
from forecast.models import get_available_models, get_service

Reach = Literal["past", "future", "static"]
"""What is known of a covariate: its past only, its future too, or one value for a whole series."""
Use = Literal["native", "regression", "pooled", "carried", "constant", "refused"]

KINDS: tuple[Kind, ...] = get_args(Kind)
REACHES: tuple[Reach, ...] = get_args(Reach)
_COLUMNS = {"past": "past only", "future": "known future", "static": "static"}
MATRIX = ("model", "checkpoints", *(f"{_COLUMNS[reach]}, {kind}" for reach in REACHES for kind in KINDS))
ABILITIES = (
    "model",
    "checkpoints",
    "least history",
    "longest context",
    "longest horizon",
    "quantile levels",
    "gaps in the target",
    "several targets",
)
COVARIATES = {
    "native": "taken by the model itself",
    "regression": "by in-context regression",
    "none": "not taken",
}
WORDS: dict[Use, str] = {
    "native": "by the model",
    "regression": "by regression",
    "pooled": "by pooled regression",
    "carried": "carried forward",
    "constant": "no effect",
    "refused": "refused",
}


@dataclass(frozen=True, slots=True)
class ModelKind:
    """An active model, or one of the families that its checkpoints come in."""

    model_id: str
    family: str | None
    can: Capabilities

    @property
    def name(self) -> str:
        """The model's ID, followed by the family where there are several."""
        return f"{self.model_id} {self.family}" if self.family else self.model_id


def list_kinds() -> list[ModelKind]:
    """Return all active models in the registry's order, each by its families where it has several."""
    return [
        ModelKind(model_id, family, can)
        for model_id in get_available_models()
        for family, can in _families(model_id)
    ]


def _families(model_id: str) -> list[tuple[str | None, Capabilities]]:
    adapter = get_service(model_id).adapter
    return list(adapter.families.items()) or [(None, adapter.capabilities)]


def covariate_use(can: Capabilities, reach: Reach) -> Use:
    """Return how a covariate moves the forecast of a model, numerical or categorical.

    `carried` and `constant` do not, and a warning says so.
    """
    if can.covariates == "none":
        return "refused"
    if reach == "future":
        return can.covariates
    if reach == "static":
        return "pooled" if can.covariates == "regression" else "constant"
    return "native" if can.past_covariates else "carried"


def covariate_rows() -> Iterator[tuple[str, ...]]:
    """Yield the matrix of covariates: a model's name, and how it uses each kind of them."""
    for one in list_kinds():
        uses = (WORDS[covariate_use(one.can, reach)] for reach in REACHES for _ in KINDS)
        yield f"`{one.model_id}`", one.family or "", *uses


def ability_rows() -> Iterator[tuple[str, ...]]:
    """Yield the limits of each model: lengths, quantile levels, and what it takes beside one target."""
    for one in list_kinds():
        can = one.can
        yield (
            f"`{one.model_id}`",
            one.family or "",
            str(can.min_context),
            str(can.max_context or "no limit"),
            str(can.max_horizon or "no limit"),
            describe_levels(can),
            "taken" if can.missing else "refused",
            "together" if can.multivariate else "one by one",
        )


def describe_levels(can: Capabilities) -> str:
    """Return the range of a model's quantile levels in words."""
    native = can.native_levels
    if native is None:
        return "any"
    return f"{native[0]:g} to {native[-1]:g}, interpolated between {len(native)} levels"


def capability_rows(can: Capabilities) -> Iterator[tuple[str, str]]:
    """Yield what a model can do, in words."""
    yield "shortest context", f"{can.min_context} step{'s' if can.min_context > 1 else ''}"
    yield "longest context", f"{can.max_context} steps" if can.max_context else "all there is"
    yield "longest horizon", f"{can.max_horizon} steps" if can.max_horizon else "no limit of its own"
    yield "quantile levels", describe_levels(can)
    yield "covariates", COVARIATES[can.covariates]
    yield (
        "covariates whose future is unknown",
        "used as they are" if can.past_covariates else "carried forward",
    )
    yield 'gaps in the target (`"missing": "model"`)', "taken" if can.missing else "refused"
    yield "backends", ", ".join(f"`{backend}`" for backend in can.backends)
