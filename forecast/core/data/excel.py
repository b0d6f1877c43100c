"""Reading the first sheet of an Excel file."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from forecast.core.data.records import read_inline
from forecast.core.data.table import Table, column_names
from forecast.core.data.titles import count_titles, tell_titles
from forecast.core.errors import DataError

# openpyxl makes some 200 000 cells a second.
_MOST_CELLS = 2_000_000
_LARGEST_EXPANSION = 4
_SAMPLE_ROWS = 30
_CHUNK = 1 << 16
_DOCUMENT_TYPE = b"<!DOCTYPE"
# What zipfile and openpyxl stumble over in a damaged file; openpyxl checks nothing by itself.
_FAULTS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    RuntimeError,
    OverflowError,
)


def read_excel(content: bytes, limit: int, *, mended: bool = False) -> Table:
    """Return the table of the first sheet, its first row being the names of the columns.

    Mended, the names are those that stand below a title too.

    Formulas count as the values they had when the file was saved. Raises DataError where the file is
    another kind of archive, is damaged, or unpacks to more than four times `limit` bytes.
    """
    try:
        _check_archive(content, limit)
        rows = _rows(content)
    except _FAULTS as error:
        raise DataError("The Excel file is damaged and cannot be read.") from error
    if not rows:
        raise DataError("The first sheet of the Excel file is empty.")
    titles = count_titles(rows[:_SAMPLE_ROWS]) if mended else 0
    fault = tell_titles(rows[:titles])
    rows = rows[titles:]
    width = max(map(len, rows))
    header, *body = [row + (None,) * (width - len(row)) for row in rows]
    names = column_names(header)
    if not body:
        raise DataError("The table has no rows.")
    table = read_inline(dict(zip(names, map(list, zip(*body, strict=True)), strict=True)))
    return table if fault is None else replace(table, faults=(fault,))


def _check_archive(content: bytes, limit: int) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if "xl/workbook.xml" not in archive.namelist():
            raise DataError("The file is a ZIP archive, not an Excel file; unpack it first.")
        # A member is never unpacked beyond the size that it claims.
        unpacked = sum(member.file_size for member in members)
        if unpacked > _LARGEST_EXPANSION * limit:
            raise DataError(f"The Excel file unpacks to {unpacked} bytes, too many to read.")
        if any(_has_document_type(archive, member) for member in members):
            raise DataError("The Excel file declares XML entities, which no spreadsheet needs.")


def _has_document_type(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if not member.filename.endswith((".xml", ".rels")):
        return False
    with archive.open(member) as part:
        before = b""
        while chunk := part.read(_CHUNK):
            # In UTF-16 every other byte is zero, and the declaration would not be seen.
            if b"\0" in chunk or _DOCUMENT_TYPE in before + chunk:
                return True
            before = chunk[-len(_DOCUMENT_TYPE) :]
    return False


def _rows(content: bytes) -> list[tuple[Any, ...]]:
    """Return the rows without empty cells at their ends, and without empty rows at the sheet's end."""
    import openpyxl

    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        if not workbook.worksheets:
            raise DataError("The Excel file has no sheet with cells.")
        sheet = workbook.worksheets[0]
        # The size that a sheet claims may be wrong, in both directions.
        sheet.reset_dimensions()
        rows = [_trim(row) for row in _counted(sheet.iter_rows(values_only=True))]
    finally:
        workbook.close()
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _counted(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    count = 0
    for row in rows:
        count += len(row) + 1
        if count > _MOST_CELLS:
            raise DataError(
                f"The Excel sheet has more than {_MOST_CELLS} cells; save it as CSV or Parquet instead."
            )
        yield row


def _trim(row: tuple[Any, ...]) -> tuple[Any, ...]:
    width = next((place for place in range(len(row), 0, -1) if not pd.isna(row[place - 1])), 0)
    return row[:width]
