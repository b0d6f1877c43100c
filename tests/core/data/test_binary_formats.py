import io
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from forecast.core.data.formats import parse_table
from forecast.core.errors import DataError

LIMIT = 1_000_000


def fault(content: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(DataError) as caught:
        parse_table(content, "x.csv", limit)
    return caught.value.detail


def as_parquet(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def as_excel(*sheets: list[list[object]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for place, rows in enumerate(sheets):
        sheet = workbook.create_sheet(f"sheet {place}")
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def rezipped(content: bytes, changes: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in {*old.namelist(), *changes}:
            new.writestr(name, changes.get(name) or old.read(name))
    return buffer.getvalue()


def test_parquet_keeps_types_and_says_what_is_empty() -> None:
    table = pa.table(
        {
            " date ": pa.array([date(2024, 1, 31), date(2024, 2, 29)]),
            "at": pa.array([datetime(2024, 1, 1, 5, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "count": pa.array([1, None], pa.int32()),
            "price": pa.array([Decimal("1.50"), None]),
            "half": pa.array([np.float16(0.5), None], pa.float16()),
            "text": pa.array(["a", None]),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    frame = parse_table(as_parquet(table), "x", LIMIT).frame
    assert frame["date"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-29")]
    assert str(frame["at"].dtype) == "datetime64[ns, UTC]"
    assert frame["count"].iloc[0] == 1
    assert frame[["at", "count", "price", "half", "text"]].iloc[1].isna().all()
    assert (frame["price"].iloc[0], frame["half"].iloc[0]) == (1.5, 0.5)
    assert frame["kind"].dtype == object
    assert frame["kind"].tolist() == ["x", "y"]


def test_an_index_of_dates_saved_by_pandas_is_a_column() -> None:
    buffer = io.BytesIO()
    index = pd.date_range("2024-01-01", periods=2, name="date")
    pd.DataFrame({"y": [1, 2]}, index=index).to_parquet(buffer)
    frame = parse_table(buffer.getvalue(), "x.parquet", LIMIT).frame
    assert frame["date"].tolist() == list(index)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.array([[1], [2]]), "'a' has the Parquet type list"),
        (pa.array([{"b": 1}]), "'a' has the Parquet type struct"),
        (pa.array([b"x"]), "'a' has the Parquet type binary"),
        (pa.array([1], pa.duration("s")), "'a' has the Parquet type duration"),
        (pa.array([datetime(9999, 1, 1)], pa.timestamp("us")), "cannot be read"),
        (pa.array([], pa.int64()), "has no rows"),
        (pa.array(np.zeros(20_000_001, dtype=bool)), "20000001 cells; the limit is 20000000"),
    ],
)
def test_parquet_that_is_no_plain_table_is_told(column: pa.Array, told: str) -> None:
    assert told in fault(as_parquet(pa.table({"a": column})))


def test_parquet_that_unpacks_to_far_more_than_the_limit_is_refused() -> None:
    content = as_parquet(
        pa.table({"a": pa.array(np.arange(200_000) // 100)}), use_dictionary=False, compression="zstd"
    )
    assert len(parse_table(content, "x", 1_000_000).frame) == 200_000
    assert "unpacks to" in fault(content, 100_000)


@pytest.mark.parametrize("cut", [5, 100, 300, -20, -4])
def test_damaged_parquet_is_told(cut: int) -> None:
    whole = as_parquet(pa.table({"a": pa.array(range(1000)), "b": pa.array(["x"] * 1000)}))
    assert "Parquet file cannot be read" in fault(whole[:cut])


_WHOLE = as_parquet(pa.table({"a": list(range(50)), "b": ["x", "y"] * 25}))


@settings(deadline=None)
@given(st.integers(4, len(_WHOLE) - 1), st.integers(0, 255))
def test_parquet_with_a_changed_byte_is_a_table_or_a_told_error(place: int, byte: int) -> None:
    content = bytearray(_WHOLE)
    content[place] = byte
    with suppress(DataError):
        parse_table(bytes(content), "x.parquet", LIMIT)


def test_the_first_sheet_of_excel_is_the_table_with_its_types() -> None:
    content = as_excel(
        [
            ["date", " y ", "note", 2024, None],
            [datetime(2024, 1, 31), 1.5, "a", 1, None],
            [None, None, None, None, None],
            [datetime(2024, 3, 31), None, "=1+1", 2, None],
            [None, None, None, None, None],
        ],
        [["another"], [1]],
    )
    frame = parse_table(content, "x.xlsx", LIMIT).frame
    assert list(frame.columns) == ["date", "y", "note", "2024"]
    assert frame["date"].tolist() == [pd.Timestamp("2024-01-31"), pd.NaT, pd.Timestamp("2024-03-31")]
    assert frame["y"].iloc[0] == 1.5
    assert frame["y"].isna().tolist() == [False, True, True]
    # A formula that no program has computed has no value.
    assert frame["note"].tolist() == ["a", None, None]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "The sheet 'sheet 0' of the Excel file is empty"),
        ([["date", "y"]], "has no rows"),
        ([["date", None, "y"], [1, 2, 3]], "column 2 of the table has none"),
        ([["date", "y"], [1, 2, 3]], "column 3 of the table has none"),
        ([["y", "y"], [1, 2]], "several columns named 'y'"),
    ],
)
def test_a_sheet_that_is_no_table_is_told(rows: list[list[object]], told: str) -> None:
    assert told in fault(as_excel(rows))


def test_another_zip_archive_is_told() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", "a,b\n1,2\n")
    assert "a ZIP archive, not an Excel file" in fault(buffer.getvalue())


@pytest.mark.parametrize("cut", [10, 500, -30])
def test_a_damaged_excel_file_is_told(cut: int) -> None:
    assert "damaged" in fault(as_excel([["a"], [1]])[:cut])


@pytest.mark.parametrize(
    "changes",
    [
        {"xl/workbook.xml": b"<broken"},
        {"xl/worksheets/sheet1.xml": b"<broken"},
        {"[Content_Types].xml": b"<Types/>"},
        {"xl/worksheets/sheet1.xml": b"no xml at all"},
    ],
)
def test_an_excel_file_with_a_damaged_part_is_told(changes: dict[str, bytes]) -> None:
    assert "Excel" in fault(rezipped(as_excel([["a"], [1]]), changes))


def test_an_excel_bomb_is_refused_before_it_is_unpacked() -> None:
    content = rezipped(as_excel([["a"], [1]]), {"xl/sharedStrings.xml": b"\n" * 5_000_000})
    assert len(content) < 20_000
    assert "unpacks to" in fault(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_excel_file_with_entities_is_refused(encoding: str) -> None:
    sheet = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'
    content = rezipped(as_excel([["a"], [1]]), {"xl/worksheets/sheet1.xml": sheet.encode(encoding)})
    assert "declares XML entities" in fault(content)


def test_the_size_that_a_sheet_claims_is_not_believed() -> None:
    content = as_excel([["date", "y"], ["2024-01-01", 1], ["2024-01-02", 2]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b'ref="A1:B3"' in sheet
    for claim in (b"A1:A1", b"A1:XFD1048576"):
        changed = {"xl/worksheets/sheet1.xml": sheet.replace(b"A1:B3", claim)}
        assert parse_table(rezipped(content, changed), "x", LIMIT).frame["y"].tolist() == [1, 2]


def test_a_few_cells_far_out_do_not_fill_the_memory() -> None:
    row = '<row r="{0}"><c r="XFD{0}"><v>1</v></c></row>'
    sheet = "".join(row.format(place) for place in range(1, 1000))
    name = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    changed = f'<worksheet xmlns="{name}"><sheetData>{sheet}</sheetData></worksheet>'.encode()
    content = rezipped(as_excel([["a"], [1]]), {"xl/worksheets/sheet1.xml": changed})
    assert "more than 2000000 cells" in fault(content)
