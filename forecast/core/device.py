"""The torch device behind a backend."""

import sys
from typing import Any

from forecast.core.adapter import Backend
from forecast.core.errors import BackendError
from forecast.core.libraries import import_libraries


def available_backends() -> tuple[Backend, ...]:
    """Return the backends that torch finds on this host, `cpu` always among them."""
    import_libraries("torch")
    torch: Any = sys.modules["torch"]
    found: list[Backend] = ["cpu"]
    if torch.cuda.is_available():
        found.append("gpu")
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def torch_device(backend: Backend) -> str:
    """Return torch's name of a backend; raise BackendError, naming those there are, where it is missing."""
    found = available_backends()
    if backend not in found:
        raise BackendError(
            f"Backend '{backend}' is not available on this host; available: {', '.join(found)}.",
            details={"requested": backend, "available": list(found)},
        )
    return {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}[backend]
