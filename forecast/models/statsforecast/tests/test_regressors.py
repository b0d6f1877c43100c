import numpy as np
import pytest

from forecast.models.statsforecast.services.regressors import regressors
from forecast.models.statsforecast.tests.build import category, number

LEFT_OUT = "it is constant or repeats others in the context, or needs a longer one."


def test_numbers_pass_and_categories_become_columns_but_the_first() -> None:
    price = np.arange(22.0) % 5
    days = ["mon", "tue", "wed", "thu"] * 5 + ["tue", "mon"]
    past, future, warnings = regressors([number("price", price, 2), category("day", days, 2)], 20)
    assert warnings == ()
    np.testing.assert_array_equal(past[:, 0], price[:20])
    np.testing.assert_array_equal(future[:, 0], price[20:])
    # Columns: thu, tue, wed; mon is the rest.
    np.testing.assert_array_equal(past[:4, 1:], [[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(future[:, 1:], [[0, 1, 0], [0, 0, 0]])


def test_constant_and_repeating_columns_are_left_out_and_named() -> None:
    price = np.sin(np.arange(22.0))
    covariates = [
        number("base", np.full(22, 7.0), 2),
        number("price", price, 2),
        number("cents", 100 * price + 3, 2),
        category("region", ["north"] * 22, 2),
    ]
    past, future, warnings = regressors(covariates, 20)
    assert (past.shape, future.shape) == ((20, 1), (2, 1))
    assert warnings == tuple(
        f"Covariate '{name}' was left out, wholly: {LEFT_OUT}" for name in ("base", "cents", "region")
    )


def test_a_category_that_repeats_another_is_left_out_in_part() -> None:
    kind = ["a", "b", "c", "a"] * 6
    is_b = [float(value == "b") for value in kind]
    past, _, warnings = regressors([number("is_b", is_b, 4), category("kind", kind, 4)], 20)
    assert past.shape == (20, 2)
    assert warnings == (f"Covariate 'kind' was left out, in part: {LEFT_OUT}",)


def test_there_is_at_most_one_column_for_four_rows() -> None:
    rng = np.random.default_rng(0)
    covariates = [number(f"x{n}", rng.normal(size=14), 2) for n in range(5)]
    past, _, warnings = regressors(covariates, 12)
    assert past.shape == (12, 3)
    assert [told.split("'")[1] for told in warnings] == ["x3", "x4"]


def test_a_category_unseen_so_far_counts_as_the_mean_of_those_known_and_is_told() -> None:
    days = ["a", "b", "b"] * 4 + ["c"]
    _, future, warnings = regressors([category("day", days, 1)], 12)
    assert future == pytest.approx(np.array([[2 / 3]]))
    assert warnings == ("Covariate 'day' takes values unknown so far, which count as its mean: c.",)


def test_only_the_last_steps_count() -> None:
    price = np.concatenate([np.arange(10.0), np.full(12, 3.0)])
    past, future, warnings = regressors([number("price", price, 2)], 10)
    assert (past.shape, future.shape) == ((10, 0), (2, 0))
    assert warnings == (f"Covariate 'price' was left out, wholly: {LEFT_OUT}",)


def test_the_unit_of_a_huge_covariate_does_not_hide_a_small_one() -> None:
    rng = np.random.default_rng(0)
    covariates = [
        number("huge", 1e12 * rng.normal(size=22), 2),
        number("tiny", 1e-9 * rng.normal(size=22), 2),
    ]
    past, _, warnings = regressors(covariates, 20)
    assert warnings == ()
    np.testing.assert_allclose(np.ptp(past, axis=0), [1.0, 1.0])
