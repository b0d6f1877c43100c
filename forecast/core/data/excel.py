"""Reading one sheet of an Excel file."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from forecast.core.data.records import read_inline
from forecast.core.data.sheets import find_sheet, has_series
from forecast.core.data.table import Table, column_names
from forecast.core.data.titles import count_titles, tell_titles
from forecast.core.errors import DataError

# openpyxl makes some 200 000 cells a second.
_MOST_CELLS = 2_000_000
_LARGEST_EXPANSION = 4
_SAMPLE_ROWS = 30
_MOST_SHEETS = 50
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


def read_excel(content: bytes, limit: int, *, mended: bool = False, sheet: str | None = None) -> Table:
    """Return the table of a sheet, by default the first, its first row being the names of the columns.

    Mended, it is by default the first that has dates and numbers, and its names may stand below a title.

    Formulas count as the values they had when the file was saved. Raises DataError where the file is
    another kind of archive, is damaged, or unpacks to more than four times `limit` bytes.
    """
    try:
        _check_archive(content, limit)
        rows, names, own = _read_rows(content, sheet, mended)
    except _FAULTS as error:
        raise DataError("The Excel file is damaged and cannot be read.") from error
    if not rows:
        raise DataError(f"The sheet '{own}' of the Excel file is empty.")
    titles = count_titles(rows[:_SAMPLE_ROWS]) if mended else 0
    fault = tell_titles(rows[:titles])
    rows = rows[titles:]
    width = max(map(len, rows))
    header, *body = [row + (None,) * (width - len(row)) for row in rows]
    columns = column_names(header)
    if not body:
        raise DataError("The table has no rows.")
    table = read_inline(dict(zip(columns, map(list, zip(*body, strict=True)), strict=True)))
    return replace(table, faults=() if fault is None else (fault,), sheets=names, sheet=own)


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


def _read_rows(
    content: bytes, sheet: str | None, mended: bool
) -> tuple[list[tuple[Any, ...]], tuple[str, ...], str]:
    """Return the rows of a sheet, the names of all sheets and its own.

    The rows are without empty cells at their ends, and without empty rows at the sheet's end.
    """
    import openpyxl

    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        if not workbook.worksheets:
            raise DataError("The Excel file has no sheet with cells.")
        sheets = workbook.worksheets
        names = tuple(str(each.title) for each in sheets)
        at = _likely_sheet(sheets) if sheet is None and mended else find_sheet(names, sheet or names[0])
        rows = list(_iterate(sheets[at]))
    finally:
        workbook.close()
    while rows and not rows[-1]:
        rows.pop()
    return rows, names, names[at]


def _likely_sheet(sheets: Sequence[Any]) -> int:
    """Return the place of the first sheet that has dates and numbers, else that of the first."""
    if len(sheets) == 1:
        return 0
    heads = (list(islice(_iterate(sheet), _SAMPLE_ROWS)) for sheet in sheets[:_MOST_SHEETS])
    return next((at for at, rows in enumerate(heads) if has_series(rows)), 0)


def _iterate(sheet: Any) -> Iterator[tuple[Any, ...]]:
    # The size that a sheet claims may be wrong, in both directions.
    sheet.reset_dimensions()
    return map(_trim, _counted(sheet.iter_rows(values_only=True)))


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
