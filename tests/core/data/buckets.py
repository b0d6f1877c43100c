"""Buckets on loopback, and tables to put into them."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import parquet

CSV = b"date,y\n2024-01-01,1\n2024-01-02,2\n"
BUCKET = "my-bucket"


@dataclass(frozen=True)
class Bucket:
    """A bucket that holds what `put` puts into it, under its scheme."""

    scheme: str
    put: Callable[[str, bytes], None]

    def url(self, key: str) -> str:
        return f"{self.scheme}://{BUCKET}/{key}"


def as_parquet(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def stacked(groups: int, rows: int, extra: int = 0) -> bytes:
    """Return a Parquet file of one series a row group: s000, s001, …, with columns that nobody asks for."""
    numbers = np.random.default_rng(7).normal(size=(1 + extra, groups * rows))
    columns = {
        "id": np.repeat([f"s{place:03d}" for place in range(groups)], rows),
        "date": np.tile(np.datetime64("2000-01-01", "D") + np.arange(rows), groups),
        "y": numbers[0],
        **{f"unused_{place}": numbers[1 + place] for place in range(extra)},
    }
    return as_parquet(pa.table(columns), row_group_size=rows)
