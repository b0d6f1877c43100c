from pathlib import Path

import pytest

from forecast.core.data.formats import parse_table
from forecast.core.errors import DataError, RequestError
from tests.core.data.test_binary_formats import as_excel
from tests.tables.checking import DAYS, LIMIT, check_file, read_kept

GERMAN = "Datum;Größe;Umsatz\n" + "".join(f"{day};groß;{at}\n" for at, day in enumerate(DAYS))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_text_of_a_german_office_is_offered_to_be_read_as_windows_1252(encoding: str, tmp_path: Path) -> None:
    answer = check_file(GERMAN.encode(encoding), tmp_path)
    (problem,) = answer.problems
    assert (problem.code, problem.blocking, problem.repairs) == ("encoding", True, ["windows_1252"])
    assert problem.message == (
        "The file is not UTF-8. As Windows-1252, line 1 has the text 'Datum;Größe;Umsatz'."
    )
    assert answer.path is None
    assert [column.name for column in answer.columns] == ["Datum", "Größe", "Umsatz"]


def test_what_is_read_as_windows_1252_is_kept_in_utf_8(tmp_path: Path) -> None:
    content = GERMAN.replace("groß", "ab €").encode("cp1252")
    answer = check_file(content, tmp_path, repairs={"encoding": "windows_1252"})
    assert answer.problems == []
    assert answer.path is not None
    kept = (tmp_path / answer.path.removeprefix("data/")).read_text("utf-8")
    assert kept.startswith("Datum,Größe,Umsatz\n2024-01-01,ab €,0\n")
    assert read_kept(answer, tmp_path).series[0].target.tolist() == list(range(30))


def test_an_inference_refuses_text_that_is_not_utf_8() -> None:
    with pytest.raises(DataError, match="not UTF-8: line 1 has the byte 0xf6"):
        parse_table(GERMAN.encode("latin-1"), "x.csv", LIMIT)


@pytest.mark.parametrize("content", [b"date;y\n2024-01-01;\x81\n", b"d;y\n" + b"1;2\n" * 300 + b"\xff\0;1\n"])
def test_bytes_that_are_no_text_of_windows_1252_are_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check_file(content, tmp_path)


NAMED = "Datum;Menge\n" + "".join(f"{day};{at}\n" for at, day in enumerate(DAYS))
ROWS: list[list[object]] = [["Datum", "Menge"], *([day, at] for at, day in enumerate(DAYS))]


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ("Umsatz 2024;\n", "'Umsatz 2024'"),
        ("Umsatz 2024\n\n", "'Umsatz 2024'"),
        (";\nUmsatz 2024;\n;\nStand: 31.12.2024;\n", "'Umsatz 2024' (2 rows in all)"),
        ('"Umsatz,\n2024";\n', "'Umsatz,\n2024'"),
        ("x" * 100 + "\n", f"'{'x' * 80}…'"),
    ],
)
def test_a_title_above_the_names_of_a_csv_is_offered_to_be_left_out(
    above: str, told: str, tmp_path: Path
) -> None:
    content = (above + NAMED).encode()
    (problem,) = check_file(content, tmp_path).problems
    assert (problem.code, problem.blocking, problem.repairs) == ("title_row", True, ["skip"])
    assert problem.message == f"Above the names of the columns stands {told}."
    answer = check_file(content, tmp_path, repairs={"title_row": "skip"})
    assert answer.problems == []
    assert answer.table.columns == {"Datum": DAYS, "Menge": list(range(30))}
    assert read_kept(answer, tmp_path).series[0].target.tolist() == list(range(30))


def test_a_title_above_the_names_of_a_sheet_is_offered_to_be_left_out(tmp_path: Path) -> None:
    content = as_excel([["Umsatz 2024"], [], *ROWS])
    (problem,) = check_file(content, tmp_path, "x.xlsx").problems
    assert (problem.code, problem.repairs) == ("title_row", ["skip"])
    answer = check_file(content, tmp_path, "x.xlsx", repairs={"title_row": "skip"})
    assert answer.table.columns == {"Datum": DAYS, "Menge": list(range(30))}


def test_empty_rows_above_the_names_of_a_sheet_are_no_problem(tmp_path: Path) -> None:
    answer = check_file(as_excel([[], [], *ROWS]), tmp_path, "x.xlsx")
    assert (answer.problems, answer.rows) == ([], 30)


@pytest.mark.parametrize("content", ["date;;y\n2024-01-01;5;6\n", "a;;b\n", ";a;\n1;2;3\n"])
def test_names_that_lack_one_are_no_title(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has none. Leave out what stands above the names"):
        check_file(content.encode(), tmp_path)


@pytest.mark.parametrize("content", [";Datum;Menge\n0;2024-01-01;5\n", ";a;b\nx;y;z\nu;v;1\n"])
def test_an_index_without_a_name_is_that_of_pandas(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 1 of the table has none. Pandas writes its index so"):
        check_file(content.encode(), tmp_path)


def test_an_inference_refuses_a_title_and_says_what_to_do() -> None:
    with pytest.raises(DataError, match="Leave out what stands above the names, such as a title."):
        parse_table(b"Umsatz 2024;;\na;b;c\n1;2;3\n", "x.csv", LIMIT)


NOTES: list[list[object]] = [["Topic", "Who"], ["Plan", "Ann"], ["Budget", "Bob"]]
DATED: list[list[object]] = [["Sales"], ["day", "y"], *([day, at] for at, day in enumerate(DAYS))]
LATER: list[list[object]] = [["day", "y"], *([day, 2 * at] for at, day in enumerate(DAYS))]


def test_of_several_sheets_the_first_with_dates_and_numbers_is_read(tmp_path: Path) -> None:
    answer = check_file(as_excel(NOTES, DATED, LATER), tmp_path, "x.xlsx")
    assert (answer.sheets, answer.sheet) == (["sheet 0", "sheet 1", "sheet 2"], "sheet 1")
    assert answer.table.columns["y"] == list(range(30))


def test_where_no_sheet_has_dates_the_first_is_read(tmp_path: Path) -> None:
    answer = check_file(as_excel(NOTES, NOTES[:2]), tmp_path, "x.xlsx")
    assert (answer.sheet, answer.rows) == ("sheet 0", 2)


def test_a_sheet_that_is_named_is_read_and_kept(tmp_path: Path) -> None:
    answer = check_file(as_excel(NOTES, DATED, LATER), tmp_path, "x.xlsx", sheet="sheet 2")
    assert answer.sheet == "sheet 2"
    assert read_kept(answer, tmp_path).series[0].target.tolist() == list(range(0, 60, 2))


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no sheet 'Sales'; it has 'sheet 0', 'sheet 1'."):
        check_file(as_excel(NOTES, DATED), tmp_path, "x.xlsx", sheet="Sales")


def test_a_file_without_sheets_has_none_to_choose(tmp_path: Path) -> None:
    assert check_file(NAMED.encode(), tmp_path).sheets == []
    with pytest.raises(RequestError, match="Only an Excel file has a sheet to choose."):
        check_file(NAMED.encode(), tmp_path, sheet="Sales")


def test_an_inference_reads_the_first_sheet() -> None:
    assert parse_table(as_excel(NOTES, DATED), "x.xlsx", LIMIT).frame["Who"].tolist() == ["Ann", "Bob"]
