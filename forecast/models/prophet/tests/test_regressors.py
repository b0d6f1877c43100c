import numpy as np
import pytest

from forecast.core.adapter import Covariate
from forecast.core.errors import NotSupportedError, RequestError
from forecast.models.prophet.services.regressors import MOST_CATEGORIES, regressors
from forecast.models.prophet.tests.tasks import categorical, make_task, make_values, numerical

LENGTH = 20
VALUES = make_values(LENGTH)


def test_a_numerical_covariate_is_one_column_as_it_stands() -> None:
    column = np.linspace(0, 1, LENGTH + 5)
    [one], notes = regressors(make_task(VALUES, covariates=(numerical("x", column),)).series)
    np.testing.assert_array_equal(np.concatenate([one.past, one.future]), column)
    assert notes == ()


def test_a_categorical_covariate_is_one_column_a_category_seen() -> None:
    days = (["rain", "sun"] * 10) + ["sun", "snow", "rain", "sun", "snow"]
    columns, notes = regressors(make_task(VALUES, covariates=(categorical("weather", days),)).series)
    assert [list(c.past[:2]) for c in columns] == [[1, 0], [0, 1]]
    # What the past has not seen counts as the mean of what it has.
    assert [list(c.future) for c in columns] == [[0, 0.5, 1, 0, 0.5], [1, 0.5, 0, 1, 0.5]]
    assert notes == ("Covariate 'weather' takes values unknown so far, which count as its mean: snow.",)


def test_a_category_seen_only_where_the_target_is_unknown_is_no_column() -> None:
    values = VALUES.copy()
    values[3] = np.nan
    days = ["sun", "rain"] * 12 + ["sun"]
    days[3] = "snow"
    columns, _ = regressors(make_task(values, covariates=(categorical("weather", days),)).series)
    assert len(columns) == 2


@pytest.mark.parametrize("static", [True, False])
def test_a_covariate_that_never_changes_is_left_out_with_a_warning(static: bool) -> None:
    base = numerical("base", np.full(LENGTH + 5, 3.0), static=static)
    columns, [note] = regressors(make_task(VALUES, covariates=(base,)).series)
    assert columns == []
    assert "Covariate 'base' was not used" in note


def test_too_many_categories_are_an_error_that_says_how_many() -> None:
    length = MOST_CATEGORIES + 1
    names = [f"c{i}" for i in range(length + 5)]
    task = make_task(make_values(length), covariates=(categorical("code", names),))
    with pytest.raises(RequestError, match=f"'code' has {length} categories"):
        regressors(task.series)


def test_a_covariate_without_a_future_is_refused() -> None:
    past_only = Covariate("x", "numerical", np.arange(LENGTH, dtype=np.float64), None)
    with pytest.raises(NotSupportedError, match="future of covariate 'x'"):
        regressors(make_task(VALUES, covariates=(past_only,)).series)
