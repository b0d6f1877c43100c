import inspect
import pickle
import re

import pytest

from forecast.core import errors
from forecast.core.cells import CellError
from forecast.core.errors import DataError, SapheneiaError

CLASSES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SapheneiaError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_the_tree_in_the_docstring_is_the_tree_of_classes(kind: type[SapheneiaError]) -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if re.search(rf"\b{kind.__name__}\b", line)]
    assert len(lines) == 1
    assert lines[0].split()[-2:] == [str(kind.status), kind.code]
    if kind is not SapheneiaError:
        depth = (lines[0].index(kind.__name__)) // 4
        assert len(kind.__mro__) - len(SapheneiaError.__mro__) == depth


def test_codes_are_told_apart() -> None:
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)


def test_an_error_keeps_all_it_says_between_processes() -> None:
    error = DataError(
        "no rows", details={"a": 1}, errors=[CellError("empty", column="y", row=3)], retry_after=2
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError
    assert str(again) == again.detail == "Data error: no rows"
    assert (again.details, again.errors, again.retry_after) == (error.details, error.errors, 2)
