"""What loads statsforecast in tests of the gateway: it has no weights."""

from pathlib import Path
from typing import Any


def write(folder: Path) -> dict[str, Any]:
    """Return the initialization body; nothing is written to the folder."""
    return {"horizon_len": 24}
