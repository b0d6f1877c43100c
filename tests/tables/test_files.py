from pathlib import Path

import pytest

from forecast.core.data.formats import parse_table
from forecast.core.errors import DataError
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
