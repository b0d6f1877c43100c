"""Which format a file has, by its content first and its name second, and reading it."""

import codecs
from io import SEEK_END, BytesIO
from pathlib import PurePosixPath
from typing import Literal

from forecast.core.data.arrow import FILE_MAGIC, STREAM_MAGIC, read_arrow
from forecast.core.data.delimited import read_csv
from forecast.core.data.excel import read_excel
from forecast.core.data.footer import MAGIC
from forecast.core.data.parquet import read_parquet
from forecast.core.data.ranges import File
from forecast.core.data.records import read_json
from forecast.core.data.selection import EVERYTHING, Selection
from forecast.core.data.table import Table
from forecast.core.errors import DataError, TooLargeError

Format = Literal["csv", "json", "parquet", "arrow", "excel"]
_READ = "send CSV, JSON, Parquet, Arrow or Excel (.xlsx)"
_BINARY = {
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".arrows": "Arrow",
    ".feather": "Arrow",
    ".xlsx": "Excel",
}
_SHOWN = 200
_TEXT = (".csv", ".tsv", ".txt")
_OTHERS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "compressed with gzip, which is not read here; unpack it first"),
    (b"BZh", "compressed with bzip2, which is not read here; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz, which is not read here; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd, which is not read here; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel file (.xls) or an encrypted one; save it as .xlsx without a password",
    ),
    (b"FEA1", "an old Feather file; write it anew, as version 2"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
)
_MARKUP = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML document"))


def detect_format(content: bytes, name: str) -> Format:
    """Return the format of a file; raise DataError, saying what it looks like, where it is none of them."""
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError("The file is empty.")
    if content.startswith(MAGIC):
        return "parquet"
    if content.startswith((FILE_MAGIC, STREAM_MAGIC)):
        return "arrow"
    if content.startswith(b"PK\x03\x04"):
        return "excel"
    start = content[:64].removeprefix(codecs.BOM_UTF8).lstrip()
    for magic, meaning in _OTHERS:
        # Text that happens to begin with the letters of a magic is still text.
        if content.startswith(magic) and (not magic.isalnum() or b"\0" in content):
            raise DataError(f"The file is {meaning}; {_READ}.")
    for magic, meaning in _MARKUP:
        if start.lower().startswith(magic):
            raise DataError(f"The file is {meaning}; {_READ}.")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _BINARY:
        raise DataError(f"The file is named {suffix} but does not hold {_BINARY[suffix]}; {_READ}.")
    if suffix == ".json" or (suffix not in _TEXT and start.startswith((b"{", b"["))):
        return "json"
    return "csv"


def read_table(file: File, name: str, limit: int, selection: Selection) -> Table:
    """Return the table of a file that can be read from any place; of Parquet only what is selected is read.

    Raises TooLargeError where more than `limit` bytes would be, and the errors of parse_table.
    """
    if file.read(len(MAGIC)) == MAGIC:
        return read_parquet(file, limit, selection)
    size = file.seek(0, SEEK_END)
    file.seek(0)
    content = file.read(limit + 1) if size <= limit else b""
    # A file may grow while it is read.
    if max(size, len(content)) > limit:
        raise TooLargeError(f"The file {name[:_SHOWN]} is larger than the limit of {limit} bytes.")
    return parse_table(content, name, limit, selection)


def parse_table(content: bytes, name: str, limit: int, selection: Selection = EVERYTHING) -> Table:
    """Return the table that a file holds, or as much of it as the format lets be selected.

    `name` is the file's name or the URL's path; `limit` bounds, in bytes, what compressed formats may
    unpack to (several times as much). Raises DataError saying what is wrong and where.
    """
    match detect_format(content, name):
        case "csv":
            return read_csv(content, mended=selection.mended)
        case "json":
            return read_json(content)
        case "parquet":
            return read_parquet(BytesIO(content), limit, selection)
        case "arrow":
            return read_arrow(content, limit, selection)
        case "excel":
            return read_excel(content, limit, mended=selection.mended, sheet=selection.sheet)
