from collections import Counter

from tests.jobs.conftest import Bench


def take_clients(bench: Bench, count: int, *, run: bool) -> list[str]:
    clients = []
    for _ in range(count):
        bench.pass_seconds(0.1)
        chunk = bench.take()
        clients.append(chunk.ask.client_id)
        if run:
            bench.run(chunk)
    return clients


def test_a_small_job_does_not_wait_for_a_large_one_of_another_client(bench: Bench) -> None:
    bench.create(200, client="large")
    bench.pass_seconds(1)
    first = bench.take()
    assert first.ask.client_id == "large"
    bench.create(10, client="small")
    assert bench.take().ask.client_id == "small"


def test_several_workers_are_shared_out_evenly(bench: Bench) -> None:
    for client in ("a", "b", "c"):
        bench.create(100, client=client)
    assert Counter(take_clients(bench, 6, run=False)) == {"a": 2, "b": 2, "c": 2}


def test_one_worker_goes_round_the_clients(bench: Bench) -> None:
    for client in ("a", "b", "c"):
        bench.create(100, client=client)
    served = take_clients(bench, 9, run=True)
    assert served == ["a", "b", "c"] * 3


def test_a_client_that_always_has_small_jobs_does_not_keep_another_waiting(bench: Bench) -> None:
    bench.create(100, client="large")
    served = []
    for _ in range(10):
        bench.create(10, client="small")
        served += take_clients(bench, 1, run=True)
    assert served == ["large", "small"] * 5


def take_jobs(bench: Bench, count: int, *, run: bool) -> list[str]:
    jobs = []
    for _ in range(count):
        bench.pass_seconds(0.1)
        chunk = bench.take()
        jobs.append(chunk.job_id)
        if run:
            bench.run(chunk)
    return jobs


def test_a_small_job_does_not_wait_for_a_large_one_of_its_own_client(bench: Bench) -> None:
    large = bench.create(200)
    assert take_jobs(bench, 3, run=True) == [large] * 3
    small = bench.create(1)
    assert take_jobs(bench, 3, run=True) == [large, small, large]
    assert bench.job(small).status == "succeeded"


def test_a_small_job_gets_the_next_worker_beside_a_large_one_of_its_own_client(bench: Bench) -> None:
    large = bench.create(200)
    assert take_jobs(bench, 2, run=False) == [large] * 2
    small = bench.create(1)
    assert take_jobs(bench, 2, run=False) == [small, large]


def test_jobs_of_one_client_are_shared_out_evenly_part_by_part(bench: Bench) -> None:
    first, second = bench.create(20), bench.create(20)
    taken = [bench.take() for _ in range(4)]
    assert [(chunk.job_id, chunk.part.number) for chunk in taken] == [
        (first, 0),
        (second, 0),
        (first, 1),
        (second, 1),
    ]


def test_a_client_has_no_more_turns_for_having_more_jobs(bench: Bench) -> None:
    for _ in range(3):
        bench.create(100, client="many")
    bench.create(100, client="one")
    assert Counter(take_clients(bench, 8, run=False)) == {"many": 4, "one": 4}


def test_a_client_that_always_has_small_jobs_does_not_keep_its_own_large_one_waiting(bench: Bench) -> None:
    large = bench.create(100)
    for _ in range(5):
        small = bench.create(10)
        assert take_jobs(bench, 2, run=True) == [large, small]
