"""Hours in a column of their own."""

import numpy as np
import pytest

from tests.tables.checking import DAYS, check, only


@pytest.mark.parametrize("name", ["hour", "Stunde"])
def test_hours_in_a_column_of_their_own_are_told_with_what_to_do(name: str) -> None:
    hours = {"date": np.repeat(DAYS, 24).tolist(), name: list(range(24)) * 30, "y": list(range(720))}
    answer = check(hours)
    assert answer.series_count == 24
    problem = only(answer)
    assert (problem.code, problem.column, problem.count) == ("hours_apart", name, 24)
    assert (problem.blocking, problem.repairs) == (False, [])
    assert problem.message.endswith("write date and hour into one column, as 2024-12-31 13:00.")


@pytest.mark.parametrize(("name", "first"), [("shop", 0), ("hour", 100)])
def test_series_of_other_numbers_are_no_hours(name: str, first: int) -> None:
    columns = {
        "date": np.repeat(DAYS, 24).tolist(),
        name: list(range(first, first + 24)) * 30,
        "y": list(range(720)),
    }
    assert check(columns).problems == []
