"""Loading a model as it is configured, and letting it go."""

from contextlib import ExitStack
from typing import TypeVar

from forecast.core.adapter import Adapter, ModelConfig
from forecast.core.precision import lower_precision
from forecast.core.weights import Weights, empty_weights, fingerprint, weigh

Loaded = TypeVar("Loaded")


def load_model(adapter: Adapter[Loaded], config: ModelConfig) -> tuple[Loaded, Weights | None]:
    """Return the loaded model in its precision, and the figures of its weights where it has any."""
    with ExitStack() as undo:
        loaded = adapter.load(config)
        undo.callback(unload_model, adapter, loaded)
        module = adapter.module(loaded)
        weights = None
        if module is not None:
            told = fingerprint(module)  # of the weights as they came, whatever they compute in
            lower_precision(adapter.blocks(loaded), config.precision)
            weights = weigh(module, told)
        undo.pop_all()
    return loaded, weights


def unload_model(adapter: Adapter[Loaded], loaded: Loaded) -> None:
    """End what the model runs, and give the memory of its weights back."""
    adapter.unload(loaded)
    module = adapter.module(loaded)
    if module is not None:
        empty_weights(module)
