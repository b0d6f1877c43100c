"""What only some models can do, and which of them."""

from collections.abc import Iterator
from typing import Any, Literal

from forecast.core.adapter import Adapter
from forecast.core.errors import NotSupportedError

Ability = Literal["backcast", "missing", "multivariate"]


def lacking(adapter: Adapter[Any], ability: Ability, fault: str) -> NotSupportedError:
    """Return the error of a model without an ability: what it `fault`s in, and which models can do it."""
    if getattr(adapter.capabilities, ability):
        detail = f"This checkpoint of '{adapter.model_id}' {fault}; its default checkpoint can."
    else:
        able = models_with(ability)
        others = f"; these models can: {', '.join(able)}" if able else ""
        detail = f"'{adapter.model_id}' {fault}{others}."
    return NotSupportedError(detail, details={"ability": ability})


def models_with(ability: Ability) -> list[str]:
    """Return the IDs of the models that this process serves and that declare an ability."""
    kinds = _heirs(Adapter)  # type: ignore[type-abstract]  # only its heirs are looked at
    return sorted({kind.model_id for kind in kinds if getattr(kind.capabilities, ability)})


def _heirs(base: type[Adapter[Any]]) -> Iterator[type[Adapter[Any]]]:
    for kind in base.__subclasses__():
        if hasattr(kind, "capabilities"):
            yield kind
        yield from _heirs(kind)
