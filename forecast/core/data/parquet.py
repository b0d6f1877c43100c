"""Reading Parquet."""

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from forecast.core.data.table import Table, check_size, column_names, refuse_if_empty
from forecast.core.errors import DataError

_LARGEST_EXPANSION = 10
_KINDS = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def read_parquet(content: bytes, limit: int) -> Table:
    """Return the table of a Parquet file with flat columns of numbers, text, dates and truth values.

    Raises DataError at other types, and where the file says that it unpacks to more than ten times
    `limit` bytes.
    """
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        names = column_names(file.schema_arrow.names)
        _check_size(file.metadata, limit)
        table = file.read()
        columns = [_plain(name, table.column(place)) for place, name in enumerate(names)]
        frame: pd.DataFrame = pa.table(columns, names=names).to_pandas(
            ignore_metadata=True, date_as_object=False, coerce_temporal_nanoseconds=True
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "The Parquet file cannot be read; it is damaged, or holds values that do not fit a table."
        ) from error
    refuse_if_empty(len(frame))
    return Table(frame)


def _check_size(metadata: parquet.FileMetaData, limit: int) -> None:
    check_size(metadata.num_rows, metadata.num_columns)
    unpacked = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    if unpacked > _LARGEST_EXPANSION * limit:
        raise DataError(f"The Parquet file unpacks to {unpacked} bytes, too many to read.")


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
        column = column.cast(pa.float64())
    if not any(is_kind(column.type) for is_kind in _KINDS):
        raise DataError(f"Column '{name}' has the Parquet type {column.type}, which is not read here.")
    return column
