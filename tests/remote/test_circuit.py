import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from forecast.core.errors import AbandonedError, ServiceLostError, ServiceUnavailableError
from forecast.remote.circuit import FAILURES, PAUSE_SECONDS, Circuit
from tests.remote.conftest import Clock


def fail(circuit: Circuit, error: type[ServiceUnavailableError] = ServiceUnavailableError) -> None:
    with pytest.raises(error, match="^gone$"), circuit.attempt():
        raise error("gone")


def succeed(circuit: Circuit) -> None:
    with circuit.attempt():
        pass


def opened(clock: Clock) -> Circuit:
    circuit = Circuit("fake", clock)
    for _ in range(FAILURES):
        fail(circuit)
    return circuit


def refusal(circuit: Circuit) -> ServiceUnavailableError:
    with pytest.raises(ServiceUnavailableError, match="tried again shortly") as refused, circuit.attempt():
        pytest.fail("an open circuit let a call through")
    return refused.value


def test_it_opens_after_failures_in_a_row_and_says_when_it_is_tried_again(clock: Clock) -> None:
    circuit = opened(clock)
    assert refusal(circuit).retry_after == PAUSE_SECONDS
    clock.now += PAUSE_SECONDS - 0.5
    assert refusal(circuit).retry_after == 0.5


def test_a_success_between_failures_keeps_it_closed(clock: Clock) -> None:
    circuit = Circuit("fake", clock)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            fail(circuit)
        succeed(circuit)


def test_a_service_that_ends_before_its_answer_counts_as_well(clock: Clock) -> None:
    circuit = Circuit("fake", clock)
    for _ in range(FAILURES):
        fail(circuit, ServiceLostError)
    assert refusal(circuit).status == 503


def test_after_the_pause_one_call_finds_out_and_the_others_are_refused_meanwhile(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += PAUSE_SECONDS
    with circuit.attempt():
        assert refusal(circuit).retry_after == PAUSE_SECONDS
    succeed(circuit)
    fail(circuit)
    succeed(circuit)


def test_a_probe_that_fails_opens_it_for_another_pause(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += PAUSE_SECONDS
    fail(circuit)
    assert refusal(circuit).retry_after == PAUSE_SECONDS
    clock.now += PAUSE_SECONDS
    succeed(circuit)
    succeed(circuit)


def test_a_probe_that_is_given_up_shows_nothing_and_the_next_one_follows(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += PAUSE_SECONDS
    with pytest.raises(AbandonedError), circuit.attempt():
        raise AbandonedError("the caller went away")
    refusal(circuit)
    clock.now += PAUSE_SECONDS
    succeed(circuit)
    succeed(circuit)


def test_a_call_that_is_given_up_does_not_count(clock: Clock) -> None:
    circuit = Circuit("fake", clock)
    for _ in range(FAILURES):
        with pytest.raises(AbandonedError), circuit.attempt():
            raise AbandonedError("the caller went away")
    succeed(circuit)


def test_threads_that_call_at_once_are_counted_each_and_one_of_them_finds_out(clock: Clock) -> None:
    circuit, together, most = Circuit("fake", clock), threading.Barrier(8), 8

    def call(_: int) -> bool:
        """Return whether a call was let through."""
        together.wait()
        try:
            with circuit.attempt():
                together.wait()
                raise ServiceLostError("gone")
        except ServiceLostError:
            return True
        except ServiceUnavailableError:
            together.wait()
            return False

    with ThreadPoolExecutor(most) as pool:
        assert sum(pool.map(call, range(most))) == most
        assert circuit._state.failures == most
        for _ in range(50):
            clock.now += PAUSE_SECONDS
            assert sum(pool.map(call, range(most))) == 1
