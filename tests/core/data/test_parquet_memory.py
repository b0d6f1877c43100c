"""No Parquet file takes much more memory than its limit allows, whatever it says of itself."""

import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from forecast.core.data.footer import footer_length
from forecast.core.data.parquet import read_parquet
from forecast.core.errors import DataError, TooLargeError
from tests.core.data.buckets import as_parquet

LIMIT = 1_000_000
ROWS = 2_000
LONG = "x" * 50_000


def refusal(content: bytes) -> tuple[str, int]:
    """Return why a file is refused, and how much of Arrow's memory it took until then."""
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(DataError) as caught:
            read_parquet(io.BytesIO(content), LIMIT)
    finally:
        pa.set_memory_pool(usual)
    return caught.value.detail, pool.max_memory()


def telling(content: bytes, true: int, told: int) -> bytes:
    """Return a file whose footer tells one number instead of another."""
    start = len(content) - footer_length(content[-8:], len(content), 1 << 24)
    length = len(varint(true))
    assert varint(true) in content[start:]
    return content[:start] + content[start:].replace(varint(true), varint(told, length))


def varint(number: int, length: int = 1) -> bytes:
    """Return a number as Thrift writes it, padded to a length."""
    written: list[int] = []
    number <<= 1
    while number > 127 or len(written) < length - 1:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def test_a_long_text_that_a_dictionary_repeats_is_refused() -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([LONG]))
    content = as_parquet(pa.table({"y": range(ROWS), "g": repeated}), compression="zstd", store_schema=False)
    assert len(content) < 100_000
    told, memory = refusal(content)
    assert "unpacks to more than 10000000 bytes" in told
    assert memory < 2 * LIMIT


def test_a_footer_of_countless_empty_values_is_refused() -> None:
    count = 3_000_001
    # Field 1, a list of empty structs.
    footer = b"\x19\xfc" + unsigned(count) + b"\x00" * (count + 1)
    content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(TooLargeError, match="footer holds more than 3000000 values"):
        read_parquet(io.BytesIO(content), 10 * LIMIT)


def unsigned(number: int) -> bytes:
    written = []
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def test_a_footer_that_claims_little_is_not_believed() -> None:
    table = pa.table({"y": range(ROWS), "g": [LONG] * ROWS})
    content = as_parquet(table, compression="zstd", use_dictionary=False, write_statistics=False)
    assert len(content) < LIMIT
    claimed = parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(1).total_uncompressed_size
    told, memory = refusal(telling(content, claimed, 1))
    assert "unpacks to more than 10000000 bytes" in told
    assert memory < LIMIT


def test_text_that_shares_its_beginnings_is_refused() -> None:
    table = pa.table({"g": [f"{LONG}{row}" for row in range(ROWS)]})
    content = as_parquet(table, use_dictionary=False, column_encoding={"g": "DELTA_BYTE_ARRAY"})
    assert len(content) < LIMIT
    told, memory = refusal(content)
    assert "unpacks to more than 10000000 bytes" in told
    assert memory < 20 * LIMIT


def test_more_values_than_the_pages_hold_are_refused() -> None:
    content = as_parquet(pa.table({"y": [7] * 12_345}), write_statistics=False)
    assert "cannot be read" in refusal(telling(content, 12_345, 12_346))[0]


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None])
def test_text_is_read_however_it_is_written(encoding: str | None) -> None:
    texts = [None if row % 7 == 0 else f"site {row % 11}" for row in range(3000)]
    options = (
        {"use_dictionary": True}
        if encoding is None
        else {"use_dictionary": False, "column_encoding": {"a.b": encoding}}
    )
    content = as_parquet(pa.table({"a.b": texts}), row_group_size=1000, data_page_size=100, **options)
    assert read_parquet(io.BytesIO(content), LIMIT).frame["a.b"].tolist() == texts


def test_a_dictionary_that_grew_too_large_for_its_page_is_read() -> None:
    texts = [f"{row:08d}" * 10 for row in range(4000)]
    content = as_parquet(pa.table({"g": texts}), dictionary_pagesize_limit=10_000)
    assert read_parquet(io.BytesIO(content), LIMIT).frame["g"].tolist() == texts
