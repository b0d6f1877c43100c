from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Column, Double, Integer, MetaData, String, Table, text
from sqlalchemy.exc import IntegrityError

from forecast.database.bulk import insert_rows, read_rows
from forecast.database.connection import Database

THINGS = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", String),
    Column("size", Double),
)
KINDS: dict[str, Any] = {"number": pa.int64(), "name": pa.string(), "size": pa.float64()}
STATEMENT = "SELECT number, name, size FROM things WHERE name IN {keys} ORDER BY number"


@pytest.fixture
def things(database: Database) -> Database:
    with database.write() as connection:
        THINGS.create(connection)
    return database


def read_all(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM things ORDER BY number"))]


def test_many_rows_are_inserted_whatever_their_number(things: Database) -> None:
    for first, count in ((0, 0), (0, 1), (1, 1_666), (1_667, 1_667), (3_334, 5_001)):
        numbers = list(range(first, first + count))
        names = [f"n{number}" for number in numbers]
        rows = pa.table(
            {"number": numbers, "name": names, "size": [number / 7 for number in numbers]},
            schema=pa.schema(KINDS),
        )
        with things.write() as connection:
            insert_rows(connection, THINGS, rows)
    assert read_all(things) == [(number, f"n{number}", number / 7) for number in range(8_335)]


def test_text_of_any_kind_numbers_and_nothing_are_kept_as_they_are(things: Database) -> None:
    names = ["", 'a "b", c', "line\nend", "=1+1", "\N{ROCKET}", None, "last"]
    sizes = [0.1, 1e300, 5e-324, -0.0, 1.0, None, 3.5]
    rows = pa.table({"number": range(7), "name": names, "size": sizes}, schema=pa.schema(KINDS))
    with things.write() as connection:
        insert_rows(connection, THINGS, rows)
    assert read_all(things) == list(zip(range(7), names, sizes, strict=True))
    with things.read() as connection:
        found = read_rows(connection, STATEMENT, ["last", 'a "b", c', "none"], KINDS)
    assert found.to_pylist() == [
        {"number": 1, "name": 'a "b", c', "size": 1e300},
        {"number": 6, "name": "last", "size": 3.5},
    ]


def test_repeated_text_and_columns_of_nothing_are_inserted(things: Database) -> None:
    names = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), ["x", 'y"']).dictionary_encode()
    rows = pa.table({"number": [1, 2, 3], "name": names, "size": pa.nulls(3, pa.float64())})
    with things.write() as connection:
        insert_rows(connection, THINGS, rows)
    assert read_all(things) == [(1, 'y"', None), (2, "x", None), (3, 'y"', None)]


def test_a_row_that_is_there_already_is_an_error_and_nothing_is_inserted(things: Database) -> None:
    rows = pa.table({"number": [1, 2, 1], "name": ["a", "b", "c"]})
    with pytest.raises(IntegrityError), things.write() as connection:
        insert_rows(connection, THINGS, rows)
    assert read_all(things) == []
