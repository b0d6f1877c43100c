"""What an Arrow stream unpacks to is bounded, and no more is charged than there is."""

import io
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from forecast.core.data.arrow import read_arrow
from forecast.core.data.messages import unpacked_sizes
from forecast.core.errors import DataError

LIMIT = 1_000_000
_HEADER, _COMPRESSION = 2, 3


def packed_as_arrow_0_17(columns: dict[str, Any]) -> bytes:
    """Return a stream whose messages say only in their metadata that they are packed."""
    batch = pa.record_batch(columns)
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4, compression="zstd")
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as stream:
        stream.write_batch(batch, custom_metadata={"ARROW:experimental_compression": "ZSTD"})
    content = bytearray(sink.getvalue())
    reader = pa.ipc.MessageReader.open_stream(bytes(content))
    for message in (reader.read_next_message() for _ in range(2)):
        metadata = message.metadata.to_pybytes()
    start = content.index(metadata)
    root = start + struct.unpack_from("<I", content, start)[0]
    header = field(content, root, _HEADER)
    header += struct.unpack_from("<I", content, header)[0]
    struct.pack_into("<H", content, vtable(content, header) + 4 + 2 * _COMPRESSION, 0)
    return bytes(content)


def vtable(content: bytearray, table: int) -> int:
    place: int = table - struct.unpack_from("<i", content, table)[0]
    return place


def field(content: bytearray, table: int, number: int) -> int:
    place: int = table + struct.unpack_from("<H", content, vtable(content, table) + 4 + 2 * number)[0]
    return place


def test_a_stream_packed_as_arrow_0_17_did_is_read() -> None:
    content = packed_as_arrow_0_17({"y": np.arange(5000.0)})
    assert list(unpacked_sizes(pa.py_buffer(content))) == [40_000]
    assert read_arrow(content, LIMIT).frame["y"].tolist() == list(range(5000))


def test_zeros_packed_as_arrow_0_17_did_are_refused_before_there_is_room_for_them() -> None:
    content = packed_as_arrow_0_17({"y": np.zeros(2_000_000)})
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(DataError, match="unpacks to more than 10000000 bytes"):
            read_arrow(content, LIMIT)
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < 100_000
