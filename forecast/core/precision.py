"""The number format in which a torch model's linear layers compute; all else stays float32.

The linear layers of the blocks hold nearly all weights and take nearly all time. What a series passes
through before and after them, scaling above all, does not bear fewer digits.
"""

import warnings
from collections.abc import Iterable
from typing import Any

from forecast.core.adapter import Backend, Precision
from forecast.core.errors import NotSupportedError

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
"""What `lower_precision` makes of any torch model."""


def check_precision(precision: Precision, known: tuple[Precision, ...], backend: Backend) -> None:
    """Raise NotSupportedError where a model or a backend cannot compute in a precision."""
    if precision not in known:
        raise NotSupportedError(
            f"Precision '{precision}' is not available for this model; available: {', '.join(known)}.",
            details={"requested": precision, "available": list(known)},
        )
    if precision == "int8" and backend != "cpu":
        raise NotSupportedError(
            f"Precision 'int8' is for the backend 'cpu'; on '{backend}' use 'bfloat16', faster there."
        )


def most_in_batch(precision: Precision, limit: int) -> int:
    """Return how many series may be forecast in one call: `limit`, and one in int8.

    There a layer's inputs share one scale, so that batch mates would change each other's numbers.
    """
    return 1 if precision == "int8" else limit


def lower_precision(blocks: Iterable[Any], precision: Precision) -> None:
    """Let the linear layers of torch modules compute in a precision, with float32 in and out."""
    for block in blocks:
        if precision == "bfloat16":
            _to_bfloat16(block)
        elif precision == "int8":
            _to_int8(block)


def _to_bfloat16(block: Any) -> None:
    import torch

    for layer in block.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(_narrow)
            layer.register_forward_hook(_widen)


def _narrow(layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tensor.to(layer.weight.dtype) for tensor in inputs)


def _widen(layer: Any, inputs: tuple[Any, ...], output: Any) -> Any:
    return output.float()


def _to_int8(block: Any) -> None:
    import torch
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        # Its successor is another library, torchao; the pinned torch still has this one.
        warnings.filterwarnings("ignore", ".*deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*quantized tensor creation functions", UserWarning)
        quantize_dynamic(block, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)
