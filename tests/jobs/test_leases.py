"""A part belongs to one worker, for as long as it shows signs of life."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.jobs.conftest import MODELS, Bench, names


def test_a_part_that_two_workers_computed_is_stored_once(bench: Bench) -> None:
    job_id = bench.create(20)
    late = bench.take()
    bench.pass_seconds(bench.settings.job_lease_seconds + 1)
    bench.run_all()
    assert bench.job(job_id).items_done == 20

    bench.run(late)
    job = bench.job(job_id)
    assert (job.status, job.items_done) == ("succeeded", 20)
    assert bench.stored(job_id) == names(20)


def test_many_workers_that_store_the_same_parts_at_once_store_each_once(bench: Bench) -> None:
    job_id = bench.create(60)
    chunks = [bench.take() for _ in range(6)]
    start = threading.Barrier(12)

    def store(place: int) -> None:
        start.wait(30)
        bench.run(chunks[place % 6])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(store, range(12)))
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("succeeded", 60, 0)
    assert bench.stored(job_id) == names(60)
    assert bench.kinds(job_id).count("progress") == 6
    assert bench.kinds(job_id).count("ended") == 1


def test_a_part_is_begun_again_when_the_lease_of_a_dead_worker_ran_out(bench: Bench) -> None:
    job_id = bench.create(10)
    first = bench.take()
    bench.pass_seconds(bench.settings.job_lease_seconds - 1)
    assert bench.claims.take(MODELS) is None
    bench.pass_seconds(1)
    second = bench.take()
    assert (second.part.number, second.attempts) == (first.part.number, 2)
    bench.run(second)
    assert bench.job(job_id).status == "succeeded"


def test_signs_of_life_keep_a_part(bench: Bench) -> None:
    bench.create(10)
    chunk = bench.take()
    for _ in range(3):
        bench.pass_seconds(bench.settings.job_lease_seconds - 1)
        assert bench.claims.keep([chunk.worker], renew=True) == {chunk.worker}
        assert bench.claims.take(MODELS) is None


def test_a_job_whose_worker_always_dies_fails_and_says_why(bench: Bench) -> None:
    job_id = bench.create(20)
    for _ in range(bench.settings.job_max_attempts):
        assert bench.take().part.number == 0
        bench.pass_seconds(bench.settings.job_lease_seconds + 1)
    bench.run()
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.model_dump() == {
        "error": "WORKER_LOST",
        "detail": "Part 0 of the job was begun 3 times, and each time its worker ended before it was done.",
    }
    assert bench.claims.take(MODELS) is None
    assert bench.kinds(job_id)[-1] == "ended"


def test_what_is_given_back_was_not_begun(bench: Bench) -> None:
    bench.create(10)
    for _ in range(5):
        chunk = bench.take()
        assert chunk.attempts == 1
        bench.claims.give_back(chunk)
