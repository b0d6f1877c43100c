"""What initializes Prophet in a test: it has no weights."""

from pathlib import Path
from typing import Any


def write(folder: Path) -> dict[str, Any]:
    """Return an initialization body; `folder` stays empty."""
    return {"context_len": 128, "horizon_len": 24}
