"""The tables that are shipped with the gateway, as data/samples/index.json declares them."""

import json
from pathlib import Path

from forecast.tables.schemas import Sample

INDEX = "index.json"
_SHOWN = ("name", "description", "data_definition", "freq", "rows")


def list_samples(data_dir: Path) -> list[Sample]:
    """Return the samples that the data directory has; none where it has no index of them."""
    folder = data_dir / "samples"
    index = folder / INDEX
    if not index.is_file():
        return []
    return [
        Sample(path=f"data/samples/{entry['file']}", **{name: entry[name] for name in _SHOWN})
        for entry in json.loads(index.read_text())
        if (folder / entry["file"]).is_file()
    ]
