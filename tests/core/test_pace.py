import pytest

from forecast.core.pace import Pace


@pytest.fixture
def pace() -> Pace:
    warm = Pace()
    warm.learn("a", 1, 60.0)  # the first batch is cold
    return warm


def test_the_first_batch_teaches_nothing(pace: Pace) -> None:
    assert pace.batch_seconds("a", 1) == 0.0


def test_between_known_sizes_the_time_lies_between(pace: Pace) -> None:
    pace.learn("a", 1, 1.0)
    pace.learn("a", 5, 3.0)
    assert [pace.batch_seconds("a", size) for size in (1, 3, 5, 9)] == [1.0, 2.0, 3.0, pytest.approx(5.4)]


def test_a_key_has_its_own_pace_and_a_new_one_that_of_the_latest(pace: Pace) -> None:
    pace.learn("slow", 1, 9.0)
    pace.learn("quick", 1, 0.1)
    assert pace.batch_seconds("slow", 1) == 9.0
    assert pace.batch_seconds("new", 1) == 0.1


def test_the_newest_batch_counts_most_gradually(pace: Pace) -> None:
    pace.learn("a", 1, 1.0)
    pace.learn("a", 1, 2.0)
    assert pace.batch_seconds("a", 1) == pytest.approx(1.3)


def test_batches_of_a_key_are_computed_one_after_another(pace: Pace) -> None:
    pace.learn("a", 4, 2.0)
    pace.learn("b", 4, 5.0)
    assert (pace.seconds("a", 8, 4), pace.seconds("b", 4, 4)) == (4.0, 5.0)


def test_only_so_many_keys_are_remembered(pace: Pace) -> None:
    for key in range(1000):
        pace.learn(key, 1, float(key))
    assert len(pace._known) == 256
    assert pace.batch_seconds(999, 1) == 999.0
