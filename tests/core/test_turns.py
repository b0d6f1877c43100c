from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.adapter import ModelConfig
from forecast.core.job import Job, Kind
from forecast.core.pace import Pace
from forecast.core.turns import BatchLimits, Turns, batch_limits, sort_tasks, widen
from tests.fakes import make_task

ROOMY = BatchLimits(256, 16_384)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_job(*widths: int, key: str = "a") -> Job:
    task = make_task()
    return Job([task] * len(widths), 1e9, sort_tasks((key, width) for width in widths))


def form_all(jobs: Sequence[Job], limits: BatchLimits = ROOMY, clock: Clock | None = None) -> list[list[int]]:
    """Return, batch by batch, the width of each series that is computed."""
    waiting, turns = deque(jobs), Turns(limits, Pace(), clock or Clock())
    widths = {
        (id(job), place): kind.width
        for job in jobs
        for kind, places in job.pending.items()
        for place in places
    }
    batches = []
    while waiting:
        _, batch = turns.form(waiting)
        batches.append([widths[id(job), place] for job, places in batch for place in places])
    return batches


@given(st.integers(1, 1_000_000))
def test_a_width_is_counted_as_at_most_15_percent_wider(width: int) -> None:
    assert width <= widen(width) <= 1.15 * width
    assert widen(widen(width)) == widen(width)


def test_powers_of_two_are_counted_as_they_are() -> None:
    assert [widen(2**power) for power in range(15)] == [2**power for power in range(15)]


def test_a_batch_has_so_many_series_and_so_many_steps_at_most() -> None:
    assert [len(batch) for batch in form_all([make_job(*[512] * 100)])] == [32, 32, 32, 4]
    assert [len(batch) for batch in form_all([make_job(*[16] * 600)])] == [256, 256, 88]
    assert [len(batch) for batch in form_all([make_job(*[65_536] * 3)])] == [1, 1, 1]


def test_series_that_are_much_longer_get_batches_of_their_own() -> None:
    batches = form_all([make_job(*[64, 4096] * 4)])
    assert sorted(batches) == [[64] * 4, [4096] * 4]


def test_a_few_shorter_series_are_padded_rather_than_computed_by_themselves() -> None:
    assert form_all([make_job(512), make_job(256), make_job(256)]) == [[512, 256, 256]]


def test_one_longer_series_does_not_widen_many() -> None:
    batches = form_all([make_job(*[256] * 40), make_job(512)])
    assert [512] in batches


@given(st.lists(st.lists(st.integers(1, 20_000), min_size=1, max_size=40), min_size=1, max_size=20))
def test_every_series_is_computed_once_and_little_is_padded(jobs: list[list[int]]) -> None:
    batches = form_all([make_job(*widths) for widths in jobs])
    expected = sorted(widen(width) for widths in jobs for width in widths)
    assert sorted(width for batch in batches for width in batch) == expected
    for batch in batches:
        assert max(batch) * len(batch) - sum(batch) <= 1024
        assert len(batch) == 1 or max(batch) * len(batch) <= 16_384


def test_a_key_never_shares_a_batch_with_another() -> None:
    batches = form_all([make_job(8, key="a"), make_job(16, key="b"), make_job(8, key="a")])
    assert batches == [[8, 8], [16]]


def test_small_jobs_come_before_a_large_one_and_then_they_take_turns() -> None:
    large, turns, clock = make_job(*[512] * 9), Turns(ROOMY, Pace(), Clock()), Clock()
    waiting = deque([large])
    sizes = []
    for _ in range(3):
        waiting.append(make_job(512))
        clock.now += 1
        for _ in range(2):
            _, batch = turns.form(waiting)
            sizes.append([len(places) for _, places in batch])
    # Beside small jobs a chunk is as long as three series of 512 steps.
    assert sizes == [[1], [3]] * 3


def test_a_large_job_alone_gets_the_whole_batch_a_while_after_the_last_small_one() -> None:
    clock = Clock()
    turns = Turns(ROOMY, Pace(), clock)
    waiting = deque([make_job(*[512] * 100), make_job(512)])
    turns.form(waiting)
    assert sum(len(places) for _, places in turns.form(waiting)[1]) == 3
    clock.now += 3.5
    assert sum(len(places) for _, places in turns.form(waiting)[1]) == 32


def test_large_jobs_take_turns() -> None:
    first, second = make_job(*[4096] * 8, key="a"), make_job(*[4096] * 8, key="b")
    turns, waiting = Turns(ROOMY, Pace(), Clock()), deque([first, second])
    assert [turns.form(waiting)[0].key for _ in range(4)] == ["a", "b", "a", "b"]


def test_many_callers_are_computed_by_halves_so_that_one_half_asks_while_the_other_waits() -> None:
    turns, waiting = Turns(ROOMY, Pace(), Clock()), deque(make_job(64) for _ in range(64))
    sizes, answered = [], 0
    for _ in range(6):
        _, batch = turns.form(waiting)
        sizes.append(len(batch))
        # Whoever was answered before asks again while this batch is computed.
        waiting.extend(make_job(64) for _ in range(answered))
        answered = len(batch)
    assert sizes == [32] * 6


def test_few_callers_are_computed_together() -> None:
    assert [len(batch) for batch in form_all([make_job(64) for _ in range(15)])] == [15]


@pytest.mark.parametrize(
    ("settings", "most", "limits"),
    [
        ({}, 256, BatchLimits(256, 16_384)),
        ({"backend": "gpu"}, 256, BatchLimits(256, 262_144)),
        ({"precision": "int8"}, 256, BatchLimits(1, 16_384)),
        ({"batch_size": 10, "batch_steps": 999}, 256, BatchLimits(10, 999)),
    ],
)
def test_the_limits_are_those_of_the_model_the_backend_and_the_settings(
    settings: dict[str, object], most: int, limits: BatchLimits, tmp_path: object
) -> None:
    config = ModelConfig.model_validate(
        {"context_len": None, "horizon_len": 1, "local_dir": tmp_path, **settings}
    )
    assert batch_limits(config, most) == limits


def test_a_job_of_several_widths_is_once_in_a_batch() -> None:
    job = make_job(64, 60, 50, 40)
    _, batch = Turns(ROOMY, Pace(), Clock()).form(deque([job]))
    assert [(taken is job, sorted(places)) for taken, places in batch] == [(True, [0, 1, 2, 3])]


def test_what_is_not_padded_is_bounded_by_its_number_alone() -> None:
    limits = BatchLimits(1024, 16_384)
    assert [len(batch) for batch in form_all([make_job(*[1] * 2_000)], limits)] == [1024, 976]
    turns, waiting = Turns(limits, Pace(), Clock()), deque([make_job(*[1] * 2_000), make_job(1)])
    assert [sum(len(places) for _, places in turns.form(waiting)[1]) for _ in range(2)] == [1, 128]


def paced(seconds: dict[int, float], key: str = "a") -> Pace:
    """Return a pace that has learned what batches of so many series took."""
    pace = Pace()
    pace.learn(None, 1, 0.0)  # the first batch is cold
    for size, took in seconds.items():
        pace.learn(Kind(key, 1), size, took)
    return pace


@pytest.mark.parametrize(
    ("seconds", "series"),
    [
        ({}, 32),
        ({32: 0.2}, 32),
        ({32: 0.02}, 256),
        ({32: 0.001}, 512),
        ({32: 0.001, 512: 10.0}, 32),
        ({32: 0.3}, 32),
        ({32: 22.0, 16: 11.0, 8: 5.5}, 8),
        ({32: 900.0, 4: 120.0}, 4),
    ],
)
def test_calls_that_are_quick_are_given_more_series_and_long_ones_fewer(
    seconds: dict[int, float], series: int
) -> None:
    limits = BatchLimits(32, 16_384, quick=512)
    assert limits.at_pace(Kind("a", 1), paced(seconds)).series == series


def test_the_pace_of_other_series_makes_no_call_larger() -> None:
    limits = BatchLimits(32, 16_384, quick=512)
    assert limits.at_pace(Kind("new", 1), paced({32: 0.001})) == limits


def test_a_large_job_gets_larger_calls_while_they_are_quick_and_chunks_beside_small_ones() -> None:
    limits, clock = BatchLimits(32, 16_384, quick=512), Clock()
    turns, large = Turns(limits, paced({32: 0.01}), clock), make_job(*[1] * 1_000)
    waiting = deque([large])
    sizes = [sum(len(places) for _, places in turns.form(waiting)[1]) for _ in range(2)]
    assert sizes == [32, 512]
    waiting.append(make_job(1))
    assert [[len(places) for _, places in turns.form(waiting)[1]] for _ in range(2)] == [[1], [4]]


def test_series_that_look_otherwise_prove_their_pace_anew() -> None:
    turns = Turns(BatchLimits(32, 16_384, quick=512), paced({32: 0.01}), Clock())

    def sizes(values: list[float], count: int) -> list[int]:
        job = Job([make_task(values=values)] * count, 1e9, sort_tasks([("a", 1)] * count))
        waiting, found = deque([job]), []
        while waiting:
            found.append(sum(len(places) for _, places in turns.form(waiting)[1]))
        return found

    assert sizes([1.0, 2.0, 3.0], 600) == [32, 512, 56]
    assert sizes([3.0, 1.0, 2.0], 600) == [512, 88]
    assert sizes([2.0, 2.0, 2.0], 600) == [32, 512, 56]
    assert sizes([1.0, 2.0, 3.0] * 9, 600) == [32, 512, 56]


def test_a_configured_batch_size_stays_the_most(tmp_path: Path) -> None:
    config = ModelConfig(context_len=None, horizon_len=1, local_dir=tmp_path, batch_size=8)
    assert batch_limits(config, 32, 512) == BatchLimits(8, 16_384)
