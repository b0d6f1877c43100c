from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.errors import OverloadedError
from forecast.core.figures import Figures
from forecast.core.job import Job, Kind
from forecast.core.line import Line, QueueBounds
from forecast.core.turns import BatchLimits, sort_tasks
from tests.fakes import make_task

KIND = Kind("a", 512)
PATIENT = 1e6


def make_line(series: int = 10_000, **seconds: float) -> Line:
    """Return a line before a model that takes a tenth of a second for each series of 512 steps."""
    line = Line(BatchLimits(256, 16_384), QueueBounds(series, 10**9), Figures("test"))
    for _ in range(2):
        for size in (1, 3, 32):
            line.pace.learn(KIND, size, size / 10)
    return line


def make_job(count: int, width: int = 512) -> Job:
    return Job([make_task()] * count, 1e9, sort_tasks(("a", width) for _ in range(count)))


def join(line: Line, job: Job, patience: float = PATIENT) -> Job:
    line.join(job, patience, idle=False)
    return job


def test_a_small_job_is_not_refused_for_large_ones_that_it_overtakes() -> None:
    line = make_line()
    for _ in range(40):
        join(line, make_job(100))
    # Its own tenth of a second, and one chunk of three.
    join(line, make_job(1), patience=0.5)
    with pytest.raises(OverloadedError, match=r"would take 0\.5 s"):
        join(line, make_job(1), patience=0.4)


def test_a_large_job_beside_small_ones_is_told_how_long_its_chunks_take() -> None:
    alone, beside = make_line(), make_line()
    for _ in range(4):
        join(beside, make_job(1))
    join(alone, make_job(96), patience=11)
    # 32 chunks of three take as long, and 32 batches of the small ones come between.
    with pytest.raises(OverloadedError, match=r"would take 22\.4 s"):
        join(beside, make_job(96), patience=11)


def test_what_waits_is_counted_as_it_comes_is_taken_and_is_given_up() -> None:
    line = make_line()
    jobs = [join(line, make_job(40)), join(line, make_job(2))]
    assert line.waiting == 42
    line.form()  # The small one is first.
    assert line.waiting == 40
    line.form()
    assert line.waiting == 37
    jobs[0].future.cancel()
    assert line.waiting == 0


def test_a_full_line_is_told_without_its_owners_lock() -> None:
    line = make_line(series=2)
    line.refuse_if_full()
    join(line, make_job(1))
    line.refuse_if_full()
    last = join(line, make_job(1))
    with pytest.raises(OverloadedError, match="2 series wait already"):
        line.refuse_if_full()
    last.future.cancel()
    line.refuse_if_full()


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 5_000)), min_size=1, max_size=12),
    st.data(),
)
def test_the_counts_are_those_of_the_jobs_whatever_happens(
    shapes: list[tuple[int, int]], data: st.DataObject
) -> None:
    line = make_line()
    jobs = [join(line, make_job(count, width)) for count, width in shapes]
    while line.waiting:
        if data.draw(st.booleans()):
            data.draw(st.sampled_from(jobs)).future.cancel()
        else:
            line.form()
        line.sweep()
        left = Counter[Kind]()
        for job in jobs:
            if not job.future.done():
                left.update({kind: len(indices) for kind, indices in job.pending.items()})
        assert line.waiting == left.total()
        assert line._small + line._large == left
    for job in jobs:
        job.future.cancel()
    assert (line._bytes, line._large_jobs, line._left) == (0, 0, {})
