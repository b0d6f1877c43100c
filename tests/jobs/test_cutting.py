import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from forecast.database.connection import Database
from forecast.jobs.claims import Chunk, Claims
from forecast.jobs.creation import cancel_job
from forecast.jobs.cutting import cut
from forecast.jobs.settings import JobSettings
from tests.jobs.conftest import MODELS, Bench, names


@pytest.fixture
def large(database: Database) -> Bench:
    """Jobs whose parts have up to a hundred items."""
    return Bench(database, JobSettings(job_chunk_items=100))


def test_of_a_large_part_a_few_items_are_computed_first_and_then_what_takes_ten_seconds(large: Bench) -> None:
    job_id = large.create(100)
    large.run()
    assert large.job(job_id).items_done == 16
    large.claims.paces.learn(job_id, 1, 0.5)
    large.run()
    assert large.job(job_id).items_done == 36
    large.run_all()
    job = large.job(job_id)
    assert (job.status, job.items_done) == ("succeeded", 100)
    assert large.stored(job_id) == names(100)


def test_what_is_left_of_a_part_that_was_tried_is_one_part(large: Bench) -> None:
    job_id = large.create(100)
    large.run()
    left = large.take()
    assert (left.part.items, left.attempts) == (84, 1)
    large.run(left)
    assert large.job(job_id).items_done == 100
    assert large.stored(job_id) == names(100)


def test_a_part_of_quick_items_is_computed_whole(large: Bench) -> None:
    job_id = large.create(200)
    large.claims.paces.learn(job_id, 100, 0.1)
    large.run()
    assert large.job(job_id).items_done == 100


def test_the_rest_of_a_part_is_for_others_at_once(large: Bench) -> None:
    job_id = large.create(100)
    chunk = large.take()
    other = Claims(large.database, large.settings, large.clock)
    assert other.take(MODELS) is None

    shorter = cut(large.database, large.work, chunk, 16)

    assert (shorter.part.number, shorter.part.items, shorter.worker) == (0, 16, chunk.worker)
    taken = [other.take(MODELS) for _ in range(7)]
    assert [one and one.part.items for one in taken] == [16, 16, 16, 16, 16, 4, None]
    assert [one.attempts for one in taken if one] == [1] * 6
    for one in (*taken[:6], shorter):
        large.run(one)
    assert large.stored(job_id) == names(100)


def test_a_part_that_is_not_held_any_more_is_not_cut(large: Bench) -> None:
    job_id = large.create(100)
    chunk = large.take()
    large.pass_seconds(3600)
    taken = large.take()
    assert cut(large.database, large.work, chunk, 16) is chunk
    large.run(taken)
    large.run_all()
    assert large.stored(job_id) == names(100)


def test_what_is_left_of_a_part_that_was_begun_in_vain_counts_that(large: Bench) -> None:
    large.create(100)
    large.take()
    large.pass_seconds(3600)
    cut(large.database, large.work, large.take(), 40)
    left = large.take()
    assert (left.part.items, left.attempts) == (40, 2)


def test_workers_that_cut_parts_of_one_job_at_once_give_each_its_number(large: Bench) -> None:
    job_id = large.create(400)
    chunks = [large.take() for _ in range(4)]
    start = threading.Barrier(len(chunks))

    def cut_at_once(chunk: Chunk) -> Chunk:
        start.wait(30)
        return cut(large.database, large.work, chunk, 16)

    with ThreadPoolExecutor(len(chunks)) as pool:
        for shorter in pool.map(cut_at_once, chunks):
            large.run(shorter)
    assert large.job(job_id).items_done == 64
    large.run_all()
    assert large.stored(job_id) == names(400)


def test_a_job_that_is_cancelled_while_a_part_is_cut_leaves_none(large: Bench) -> None:
    job_id = large.create(100)
    chunk = large.take()
    cancel_job(large.desk, "default", job_id)
    large.run(chunk)
    assert large.claims.take(MODELS) is None
    assert large.job(job_id).status == "cancelled"
