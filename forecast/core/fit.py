"""Whether a checkpoint fits into the memory that is free, told before it is read."""

import math
from collections.abc import Iterator
from pathlib import Path

from forecast.core.adapter import Backend, ModelConfig, Precision
from forecast.core.errors import InsufficientMemoryError
from forecast.core.libraries import import_libraries

_MEMORY = Path("/proc/meminfo")
_LIMITS = Path("/sys/fs/cgroup")
_MEGABYTE = 1024**2

# Measured on TimesFM 2.0, Chronos-2 and Chronos-Bolt at their published sizes: beside the float32 weights
# that are read, those of the lower precision stand until the last layer is done.
_SHARE_OF_WEIGHTS: dict[Precision, float] = {"float32": 1.1, "bfloat16": 1.6, "int8": 1.6}
_WORKING_BYTES = 256 * _MEGABYTE


def check_fit(path: Path, config: ModelConfig) -> None:
    """Raise InsufficientMemoryError where reading a checkpoint needs more memory than is free.

    A configuration with `force`, and a host that does not tell what is free, let everything pass.
    """
    free = free_bytes(config.backend)
    needed = needed_bytes(path, config.precision)
    if config.force or free is None or needed <= free:
        return
    place = "on the GPU" if config.backend == "gpu" else "on this host"
    raise InsufficientMemoryError(
        f"The checkpoint {config.source} needs about {needed // _MEGABYTE} MB, and {free // _MEGABYTE} MB are"
        f" free {place}. Shut another model down, load a smaller checkpoint, or pass 'force': true.",
        details={"needed_bytes": needed, "free_bytes": free},
    )


def needed_bytes(path: Path, precision: Precision) -> int:
    """Return the bytes that loading the weights of a folder or file takes, and first forecasts."""
    return round(_SHARE_OF_WEIGHTS[precision] * sum(_float32_bytes(path))) + _WORKING_BYTES


def free_bytes(backend: Backend) -> int | None:
    """Return the bytes that are free on the device of a backend, or None where nobody tells."""
    if backend == "gpu":
        import_libraries("torch")
        import torch

        free: int = torch.cuda.mem_get_info()[0]
        return free
    known = [free for free in (_free_on_host(), _free_in_container()) if free is not None]
    return min(known, default=None)


def _float32_bytes(path: Path) -> Iterator[int]:
    from safetensors import safe_open

    files = [path] if path.is_file() else sorted(path.glob("*.safetensors")) or sorted(path.glob("*.ckpt"))
    for file in files:
        if file.suffix != ".safetensors":
            yield file.stat().st_size
            continue
        with safe_open(file, framework="pt") as tensors:
            names = tensors.keys()
            yield from (4 * math.prod(tensors.get_slice(name).get_shape()) for name in names)


def _free_on_host() -> int | None:
    lines = _MEMORY.read_text("ascii").splitlines() if _MEMORY.is_file() else []
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else 1024 * int(found)


def _free_in_container() -> int | None:
    limit = _LIMITS / "memory.max"
    if not limit.is_file() or limit.read_text("ascii").strip() == "max":
        return None
    used = int((_LIMITS / "memory.current").read_text("ascii"))
    # Pages of files that nobody uses count as used, and are given up when memory is wanted.
    stats = dict(line.split() for line in (_LIMITS / "memory.stat").read_text("ascii").splitlines())
    return max(0, int(limit.read_text("ascii")) - used + int(stats.get("inactive_file", 0)))
