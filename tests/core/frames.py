"""Requests whose body is a table, and answers that are one."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from starlette.testclient import TestClient

from forecast.core.media import ARROW, PARQUET
from tests.core.conftest import PREFIX

REST: dict[str, Any] = {"data_definition": {"y": "target"}, "parameters": {"horizon_len": 3}}


def noted(columns: Mapping[str, Any] | pa.Table, rest: object = REST) -> pa.Table:
    """Return a table with the rest of a request in its schema's metadata."""
    table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    return table.replace_schema_metadata({"sapheneia": json.dumps(rest)})


def as_stream(table: pa.Table, rows: int | None = None, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def as_file(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as file:
        file.write_table(table)
    return sink.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


WRITERS = {ARROW: as_stream, PARQUET: as_parquet}


def send(client: TestClient, content: bytes, media: str = ARROW, **headers: str) -> Any:
    return client.post(f"{PREFIX}/inference", content=content, headers={"Content-Type": media} | headers)


def frame_of(answer: Any) -> pa.Table:
    """Return the frame that an answer is."""
    if answer.headers["content-type"] == ARROW:
        return pa.ipc.open_stream(answer.content).read_all()
    return parquet.read_table(io.BytesIO(answer.content))
