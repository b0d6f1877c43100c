"""The weights of a torch module: how many, how large, where, and gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Weights:
    """How many weights a loaded model has, the bytes they take, and the device they are on."""

    parameters: int
    bytes: int
    device: str


def weigh(module: Any) -> Weights:
    """Return the figures of a torch module."""
    tensors = list(_tensors(module))
    return Weights(
        parameters=sum(tensor.numel() for tensor in tensors),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        device=next((str(tensor.device) for tensor in tensors), "cpu"),
    )


def empty_weights(module: Any) -> None:
    """Give back the memory of a torch module at once, whatever still refers to the module itself."""
    for part in module.modules():
        if _is_packed(part):
            part._packed_params = None
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.new_empty(0)


def _tensors(module: Any) -> Iterator[Any]:
    yield from module.parameters()
    for part in module.modules():
        if _is_packed(part) and part._packed_params is not None:
            weight, bias = part._weight_bias()
            yield weight
            if bias is not None:
                yield bias


def _is_packed(part: Any) -> bool:
    # What quantization makes of a linear layer's weights is no parameter, but packed for its kernels.
    return type(part).__name__ == "LinearPackedParams"
