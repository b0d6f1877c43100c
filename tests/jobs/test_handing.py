"""Handing out on a broker that a test looks into."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from forecast.core.errors import AbandonedError, BrokerUnavailableError
from forecast.jobs import worker as workers
from forecast.jobs.creation import cancel_job
from forecast.jobs.handing import WINDOW, top_up
from forecast.jobs.tables import job_chunks
from forecast.jobs.worker import ChunkWorker
from forecast.runs.work import Ask, Part
from tests.jobs.conftest import Bench, Clock
from tests.jobs.fake_work import FakeWork

LONG = 10.0


class FakeBroker:
    """Queues in memory; `left` is how many parts it takes before it is away."""

    def __init__(self) -> None:
        self.queues: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self.left = 1000

    def check(self) -> None:
        self.count_waiting("any")

    def send(self, model_id: str, job_id: str, number: int) -> None:
        self.check()
        self.left -= 1
        self.queues[model_id].append((job_id, number))

    def count_waiting(self, model_id: str) -> int:
        if self.left <= 0:
            raise BrokerUnavailableError("It is away.", retry_after=5.0)
        return len(self.queues[model_id])


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


def hand(bench: Bench, broker: FakeBroker) -> None:
    top_up(bench.claims, broker)  # type: ignore[arg-type]


def take(bench: Bench, broker: FakeBroker, model: str = "fake") -> str:
    """Claim, as a worker does, what is the first in a queue, and return whose it is."""
    job_id, number = broker.queues[model].pop(0)
    chunk = bench.claims.take_one(job_id, number)
    assert chunk is not None
    return chunk.ask.client_id


def pass_seconds(bench: Bench, seconds: float) -> None:
    assert isinstance(bench.clock, Clock)
    bench.clock.pass_seconds(seconds)


def handed(bench: Bench) -> int:
    wanted = select(job_chunks.c.number).where(job_chunks.c.handed_at.is_not(None))
    with bench.database.read() as connection:
        return len(connection.execute(wanted).all())


def test_only_a_window_of_each_model_waits_at_the_broker(bench: Bench, broker: FakeBroker) -> None:
    job_id = bench.create(100)
    other = bench.create(10, model="other")
    for _ in range(2):
        hand(bench, broker)
        assert broker.queues["fake"] == [(job_id, number) for number in range(WINDOW)]
    assert broker.queues["other"] == [(other, 0)]


def test_whoever_takes_a_part_has_the_next_one_put_in(bench: Bench, broker: FakeBroker) -> None:
    job_id = bench.create(100)
    hand(bench, broker)
    take(bench, broker)
    hand(bench, broker)

    assert broker.queues["fake"] == [(job_id, number) for number in range(1, WINDOW + 1)]


def test_two_clients_take_turns_once_the_first_ones_window_is_done(bench: Bench, broker: FakeBroker) -> None:
    bench.create(200, client="large")
    hand(bench, broker)
    bench.create(200, client="small")
    served = []
    for _ in range(WINDOW * 3):
        served.append(take(bench, broker))
        hand(bench, broker)

    assert served[:WINDOW] == ["large"] * WINDOW
    assert served[WINDOW:].count("small") >= WINDOW


def test_a_small_job_passes_a_large_one_of_its_own_client_once_that_ones_window_is_done(
    bench: Bench, broker: FakeBroker
) -> None:
    large = bench.create(200)
    hand(bench, broker)
    small = bench.create(1)
    handed_out = []
    for _ in range(WINDOW + 1):
        pass_seconds(bench, 0.1)
        handed_out.append(broker.queues["fake"][0])
        take(bench, broker)
        hand(bench, broker)

    assert handed_out == [*((large, number) for number in range(WINDOW)), (small, 0)]


def test_what_the_broker_lost_is_handed_out_again(bench: Bench, broker: FakeBroker) -> None:
    job_id = bench.create(100)
    hand(bench, broker)
    broker.queues.clear()
    hand(bench, broker)
    assert broker.queues["fake"] == []  # it may be on its way to a worker

    pass_seconds(bench, LONG)
    hand(bench, broker)
    assert broker.queues["fake"] == [(job_id, number) for number in range(WINDOW)]


def test_what_only_waits_long_is_not_handed_out_twice(bench: Bench, broker: FakeBroker) -> None:
    bench.create(100)
    hand(bench, broker)
    pass_seconds(bench, 3600)
    hand(bench, broker)

    assert len(broker.queues["fake"]) == WINDOW


def test_one_that_is_lost_among_others_is_found(bench: Bench, broker: FakeBroker) -> None:
    job_id = bench.create(40)
    hand(bench, broker)
    broker.queues["fake"].remove((job_id, 1))
    pass_seconds(bench, LONG)
    hand(bench, broker)

    assert (job_id, 1) in broker.queues["fake"]


def test_a_part_whose_worker_gives_no_sign_of_life_is_handed_out_again(
    bench: Bench, broker: FakeBroker
) -> None:
    job_id = bench.create(10)
    hand(bench, broker)
    take(bench, broker)
    hand(bench, broker)
    assert broker.queues["fake"] == []

    pass_seconds(bench, bench.settings.job_lease_seconds + 1)
    hand(bench, broker)
    assert broker.queues["fake"] == [(job_id, 0)]


def test_what_a_broker_did_not_take_is_not_counted_as_handed_out(bench: Bench, broker: FakeBroker) -> None:
    job_id = bench.create(100)
    broker.left = 2
    with pytest.raises(BrokerUnavailableError):
        hand(bench, broker)
    assert handed(bench) == 2

    broker.left = 1000
    hand(bench, broker)
    assert broker.queues["fake"] == [(job_id, number) for number in range(WINDOW)]


def test_a_cancelled_job_holds_no_place_in_the_window(bench: Bench, broker: FakeBroker) -> None:
    first = bench.create(100)
    hand(bench, broker)
    cancel_job(bench.desk, "default", first)
    second = bench.create(10)
    hand(bench, broker)

    assert broker.queues["fake"][WINDOW:] == [(second, 0)]


@pytest.fixture
def start_worker(bench: Bench, broker: FakeBroker) -> Iterator[Callable[[FakeWork], ChunkWorker]]:
    """Starts workers, which are stopped at the end of the test."""
    started: list[ChunkWorker] = []

    def start(work: FakeWork) -> ChunkWorker:
        started.append(ChunkWorker(bench.claims, work, broker))  # type: ignore[arg-type]
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_a_part_that_comes_twice_is_computed_once(
    bench: Bench, broker: FakeBroker, start_worker: Callable[[FakeWork], ChunkWorker]
) -> None:
    job_id = bench.create(20)
    hand(bench, broker)
    work = FakeWork()
    worker = start_worker(work)

    assert [worker.run(job_id, 0), worker.run(job_id, 0), worker.run(job_id, 1)] == [True, False, True]
    assert work.computed == [("default", 0), ("default", 1)]
    assert bench.job(job_id).status == "succeeded"
    assert worker.run(job_id, 1) is False


def test_a_part_that_outlasts_the_grace_of_a_worker_is_given_back(
    bench: Bench,
    broker: FakeBroker,
    start_worker: Callable[[FakeWork], ChunkWorker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.05)
    begun = threading.Event()

    def wait(_: Ask, __: Part, cancelled: Callable[[], bool]) -> None:
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        raise AbandonedError("It is not wanted any more.")

    job_id = bench.create(10)
    hand(bench, broker)
    worker = start_worker(FakeWork(wait))
    computing = threading.Thread(target=worker.run, args=(job_id, 0))
    computing.start()
    assert begun.wait(30)
    worker.close()
    computing.join(30)

    assert not computing.is_alive()
    worker.stop()  # it has the part locked while it hands that out again
    again = bench.take()
    assert (again.part.number, again.attempts) == (0, 1)
    assert worker.run(job_id, 0) is False
