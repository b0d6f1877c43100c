"""Many series of one length as a table or a Parquet file, and the request that forecasts all of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.adapter import Floats

FILE = "series.parquet"
HORIZON = 24
_FIRST = {"D": "2023-01-01", "MS": "2010-01", "h": "2024-01-01T00"}  # to numpy, also the steps
SEASONS = {"D": 7, "MS": 12, "h": 24}


def make_values(count: int, length: int, freq: str = "D") -> Floats:
    """Return series of level, season and noise, shape (count, length); the same ones every time."""
    generator = np.random.default_rng(7)
    season = np.sin(2 * np.pi * np.arange(length) / SEASONS[freq])
    levels = 100 + np.arange(count)[:, None] % 64
    values: Floats = levels + 10 * season + generator.normal(0, 3, (count, length))
    return values


def make_dates(length: int, freq: str = "D") -> Any:
    """Return the stamps of each series, as numpy has them."""
    return (np.datetime64(_FIRST[freq]) + np.arange(length)).astype("datetime64[ms]")


def make_table(count: int, length: int, freq: str = "D") -> Any:
    """Return so many series as a long Arrow table of the columns `series`, `date` and `value`."""
    import pyarrow as pa

    names = pa.array([f"s{number:05}" for number in range(count)])
    columns = {
        "series": names.take(pa.array(np.repeat(np.arange(count), length))),
        "date": np.tile(make_dates(length, freq), count),
        "value": make_values(count, length, freq).ravel(),
    }
    return pa.table(columns)


def write_panel(folder: Path, count: int, length: int, freq: str = "D") -> Path:
    """Return the file of so many series, written to a folder."""
    from pyarrow import parquet

    place = folder / FILE
    parquet.write_table(make_table(count, length, freq), place)
    return place


def read_values(place: Path, length: int) -> Floats:
    """Return the series of a file, shape (count, length), and read nothing else of it."""
    from pyarrow import parquet

    values: Floats = parquet.read_table(place, columns=["value"])["value"].to_numpy()
    return values.reshape(-1, length)


def ask_for(length: int, **parameters: Any) -> dict[str, Any]:
    """Return what a request says beside its table: roles and parameters."""
    return {
        "data_definition": {"series": "id", "date": "timestamp", "value": "target"},
        "parameters": {"context_len": length, "horizon_len": HORIZON, **parameters},
    }


def make_request(length: int, **parameters: Any) -> bytes:
    """Return the request that forecasts all series of the file in the data directory."""
    return json.dumps({"data_source_url_or_path": FILE, **ask_for(length, **parameters)}).encode()
