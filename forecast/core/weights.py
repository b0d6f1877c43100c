"""The weights of a torch module: how many, how large, where, which, and gone."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SAMPLE = 2_048


@dataclass(frozen=True, slots=True)
class Weights:
    """How many weights a loaded model has, the bytes they take, where they are, and which they are."""

    parameters: int
    bytes: int
    device: str
    fingerprint: str


def fingerprint(module: Any) -> str:
    """Return what tells a torch module from one with other weights, the same on every host and device.

    It is made of the names, the shapes, and the first and the last numbers of all tensors.
    """
    # All numbers would double the time of a load; weights that are trained anew differ in these as well.
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        numbers = tensor.detach().reshape(-1)
        for sample in (numbers[:_SAMPLE], numbers[_SAMPLE:][-_SAMPLE:]):
            digest.update(_bytes(sample))
    return digest.hexdigest()


def weigh(module: Any, fingerprint: str) -> Weights:
    """Return the figures of a torch module that has a fingerprint."""
    tensors = list(_tensors(module))
    return Weights(
        parameters=sum(tensor.numel() for tensor in tensors),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        device=next((str(tensor.device) for tensor in tensors), "cpu"),
        fingerprint=fingerprint,
    )


def empty_weights(module: Any) -> None:
    """Give back the memory of a torch module at once, whatever still refers to the module itself."""
    for part in module.modules():
        if _is_packed(part):
            part._packed_params = None
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.new_empty(0)


def _bytes(numbers: Any) -> bytes:
    import torch

    found: bytes = numbers.cpu().contiguous().view(torch.uint8).numpy().tobytes()
    return found


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
