from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.core.data.formats import parse_table
from forecast.core.errors import DataError

LIMIT = 1_000_000


def rows(content: bytes, name: str = "x.csv") -> list[list[object]]:
    frame = parse_table(content, name, LIMIT).frame
    assert all(frame[column].dtype == object for column in frame.columns)
    return [list(frame.columns), *frame.to_numpy().tolist()]


def fault(content: bytes, name: str = "x.csv") -> DataError:
    with pytest.raises(DataError) as caught:
        parse_table(content, name, LIMIT)
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_table_reads_the_same_with_any_delimiter_and_line_end(
    delimiter: str, line_end: str, last: bool, mark: bytes
) -> None:
    lines = [["date", "y"], ["2024-01-01", "1.50"], ["2024-01-02", ""]]
    text = line_end.join(delimiter.join(line) for line in lines) + (line_end if last else "")
    assert rows(mark + text.encode()) == lines


def test_every_cell_is_the_text_that_stands_there() -> None:
    content = b'a,b,c,d\n1,NA,null,007\n"",nan, 1e5 ,True\n'
    assert rows(content) == [["a", "b", "c", "d"], ["1", "NA", "null", "007"], ["", "nan", " 1e5 ", "True"]]


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    content = b'"a\nb","c,d"\n"1\r\n2","say ""hi"""\n'
    assert rows(content) == [["a\nb", "c,d"], ["1\r\n2", 'say "hi"']]


def test_decimal_commas_do_not_make_the_comma_the_delimiter() -> None:
    assert rows(b"date;y;z\n2024-01-01;1,5;2,5\n") == [["date", "y", "z"], ["2024-01-01", "1,5", "2,5"]]


def test_blank_lines_are_no_rows() -> None:
    assert rows(b"\n\r\na,b\n\n1,2\n\n\n3,4\n\n") == [["a", "b"], ["1", "2"], ["3", "4"]]
    assert fault(b"\na,b\n\n1,2\n\n3\n").errors[0].row == 2


def test_one_column_is_a_table() -> None:
    assert rows(b"y\n1\n2\n") == [["y"], ["1"], ["2"]]


def test_names_of_columns_are_stripped() -> None:
    assert rows(b" date , y\n1,2\n")[0] == ["date", "y"]


def test_unicode_is_kept() -> None:
    assert rows("größe,店\n1,ü\n".encode()) == [["größe", "店"], ["1", "ü"]]


def test_a_row_with_another_number_of_cells_is_named() -> None:
    error = fault(b"a,b\n1,2\n3\n4,5,6\n7,8\n,,\n")
    assert error.detail == "Data error: Row 2 has 1 cell instead of 2, which is the number of columns."
    assert [(e.row, e.message) for e in error.errors] == [
        (2, "1 cell instead of 2"),
        (3, "3 cells instead of 2"),
        (5, "3 cells instead of 2"),
    ]


def test_at_most_ten_ragged_rows_are_listed() -> None:
    assert [e.row for e in fault(b"a,b\n" + b"1\n" * 50).errors] == list(range(1, 11))


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (
            b"date,y,y,y, date\n1,2,3,4,5\n",
            "The table has several columns named 'date', 'y'; names must differ.",
        ),
        (
            b"date,,y, \n1,2,3,4\n",
            "Every column needs a name, and column 2, 4 of the table has none. "
            "Leave out what stands above the names, such as a title.",
        ),
        (b"", "The file is empty."),
        (b" \n\t\n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"date,y\n", "The table has no rows."),
        (b"date,y", "The table has no rows."),
        (b"a" * 300_000, "The first line of the file is too long to be the names of a table's columns."),
        (b"a" + b",a" * 20_000 + b"\n", "The table has 20001 columns; the limit is 10000."),
    ],
)
def test_what_is_no_table_is_told(content: bytes, detail: str) -> None:
    assert fault(content).detail == f"Data error: {detail}"


@pytest.mark.parametrize(
    ("content", "place"), [(b'a,b\n1,2\n3,"4\n5,6\n', "row 2"), (b'"a,b\n1,2\n3,4\n', "the header")]
)
def test_a_quote_that_is_not_closed_swallows_no_rows(content: bytes, place: str) -> None:
    assert f"in {place} a quote is opened and not closed" in fault(content).detail


def test_a_lone_quote_inside_a_cell_is_text() -> None:
    assert rows(b'a,b\n5" pipe,2\n') == [["a", "b"], ['5" pipe', "2"]]


def test_another_encoding_is_named_with_its_line() -> None:
    error = fault("date,naïve\n2024,1\n2025,é\n".encode("latin-1"))
    assert "encoding is not UTF-8: line 1 has the byte 0xef" in error.detail
    assert fault("date,y\n2024,1\n2025,é\n".encode("latin-1")).details == {"line": 3}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_told_apart(encoding: str) -> None:
    assert ("UTF-16" if encoding == "utf-16" else "binary data") in fault(
        "a,b\n1,2\n".encode(encoding)
    ).detail


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"GIF89a\x01\0", "a GIF image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x1f\x8b\x08\0abc", "compressed with gzip"),
        (b"BZh91AY&SY\0", "compressed with bzip2"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file"),
        (b"ARROW1\0\0", "The Arrow stream cannot be read"),
        (b"\xff\xff\xff\xff\x10\0\0\0", "The Arrow stream cannot be read"),
        (b"FEA1\0\0", "an old Feather file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b"<HTML><body>", "a web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "an XML document"),
        (bytes(range(256)) * 4, "binary data"),
        (b"\x01\x02\x03\x80" * 100, "binary data"),
    ],
)
def test_another_kind_of_file_named_csv_is_told_by_what_it_is(content: bytes, told: str) -> None:
    assert told in fault(content).detail


@pytest.mark.parametrize("start", ["ORC", "BZh", "GIF8", "ARROW1"])
def test_a_column_may_be_named_like_a_magic(start: str) -> None:
    assert rows(f"{start},y\n1,2\n".encode())[0] == [start, "y"]


@pytest.mark.parametrize(
    ("name", "told"), [("x.parquet", "does not hold Parquet"), ("x.xlsx", "does not hold Excel")]
)
def test_text_named_as_a_binary_format_is_told(name: str, told: str) -> None:
    assert told in fault(b"a,b\n1,2\n", name).detail


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_quoted_comes_back_as_it_was(cells: list[list[str]]) -> None:
    lines = [["a", "b"], *cells]
    text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    assert rows(text.encode()) == lines


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.json", "x.parquet", "x.xlsx", "x"]))
def test_any_bytes_are_a_table_or_a_told_error(content: bytes, name: str) -> None:
    with suppress(DataError):
        parse_table(content, name, LIMIT)


@settings(deadline=None)
@given(st.text(alphabet='a1,;|\t\n\r" ', max_size=60))
def test_any_text_is_a_table_or_a_told_error(text: str) -> None:
    with suppress(DataError):
        parse_table(text.encode(), "x.csv", LIMIT)
