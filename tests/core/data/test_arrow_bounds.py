"""What an Arrow stream unpacks to is bounded, and no more is charged than there is."""

import io
import struct
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from forecast.core.data.arrow import read_arrow
from forecast.core.data.messages import unpacked_sizes
from forecast.core.errors import DataError
from tests.core.frames import as_stream

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


def test_a_dictionary_is_charged_once_however_many_batches_use_it() -> None:
    names = pa.array([f"series-number-{place:08d}" for place in range(9000)])
    places = pa.array(np.repeat(np.arange(9000, dtype=np.int32), 10))
    table = pa.table({"shop": pa.DictionaryArray.from_arrays(places, names)})
    assert names.nbytes * 90_000 // 500 > 10 * LIMIT
    shops = read_arrow(as_stream(table, rows=500), LIMIT).frame["shop"]
    assert shops.tolist() == names.take(places).to_pylist()


def test_every_dictionary_of_a_stream_is_charged() -> None:
    schema = pa.schema({"shop": pa.dictionary(pa.int32(), pa.string())})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as stream:
        for name in "abcdefghijkl":
            values = pa.array(["x", name * LIMIT])
            shop = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), values)
            stream.write_batch(pa.record_batch([shop], schema=schema))
    with pytest.raises(DataError, match="unpacks to more than"):
        read_arrow(sink.getvalue(), LIMIT)


@pytest.mark.parametrize("place", [-1, 2])
def test_an_index_beyond_the_dictionary_is_told_in_any_batch(place: int) -> None:
    places = pa.array([0, 1, place, 0], pa.int32())
    column = pa.DictionaryArray.from_arrays(places, pa.array(["a", "b"]), safe=False)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrow(as_stream(pa.table({"shop": column}), rows=2), LIMIT)


def test_a_stream_of_batches_with_one_row_takes_no_time_for_its_dictionary() -> None:
    names = pa.array([str(place) for place in range(200_000)])
    column = pa.DictionaryArray.from_arrays(pa.array([7] * 3000, pa.int32()), names)
    content = as_stream(pa.table({"shop": column}), rows=1)
    started = time.process_time()
    assert read_arrow(content, LIMIT).frame["shop"].tolist() == ["7"] * 3000
    assert time.process_time() - started < 1.5
