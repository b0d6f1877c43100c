import numpy as np

from forecast.models.statsforecast.services.intervals import exploded, interval_levels, quantile_columns


def test_two_levels_share_the_interval_between_them() -> None:
    assert interval_levels((0.1, 0.3, 0.5, 0.7, 0.9)) == [0.0, 40.0, 80.0]


def test_bounds_that_cross_are_put_in_order() -> None:
    bounds = {"lo-80.0": np.array([3.0, 1.0]), "hi-80.0": np.array([1.0, 3.0])}
    np.testing.assert_array_equal(quantile_columns(bounds, (0.1, 0.9)), [[1.0, 3.0], [1.0, 3.0]])


def test_a_spread_is_judged_by_the_range_of_the_context_and_by_its_random_walk() -> None:
    # Steps of 1 between 0 and 1: the range is 1, and after 100 steps a random walk has spread by 10.
    target = np.arange(40.0) % 2
    mean = np.zeros(100)
    deviation = np.sqrt(np.arange(1, 101))
    z = 1.2815515655446004
    for factor, judged in ((1.99, False), (2.01, True)):
        bounds = factor * z * deviation
        assert exploded(mean, np.column_stack([-bounds, bounds]), (0.1, 0.9), target) is judged


def test_bounds_that_are_no_numbers_have_exploded() -> None:
    assert exploded(np.zeros(1), np.array([[-np.inf, 0.0]]), (0.1, 0.5), np.arange(9.0))
    assert not exploded(np.zeros(1), np.zeros((1, 1)), (0.5,), np.arange(9.0))
