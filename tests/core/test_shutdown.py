import threading

import pytest

from forecast.core.errors import (
    InitializingError,
    ShutDownError,
)
from tests.core.test_lifecycle import in_thread
from tests.fakes import FakeAdapter, Gate, make_service, make_task


def test_a_shutdown_during_a_load_wins() -> None:
    gate = Gate()
    adapter = FakeAdapter(on_load=gate)
    service = make_service(adapter)
    thread, outcome = in_thread(service.initialize)
    assert gate.entered.wait(60)
    assert service.shutdown()
    gate.opened.set()
    thread.join()
    assert isinstance(outcome[0], ShutDownError)
    assert service.get_status() == ("uninitialized", None)
    assert adapter.unloaded == 1


def test_nothing_is_loaded_beside_a_load_that_was_shut_down() -> None:
    gate = Gate()
    adapter = FakeAdapter(on_load=gate)
    service = make_service(adapter)
    thread, _ = in_thread(service.initialize)
    assert gate.entered.wait(60)
    assert service.shutdown()
    with pytest.raises(InitializingError, match="draining"):
        service.initialize()
    assert service.shutdown()
    gate.opened.set()
    thread.join()
    assert service.initialize().status == "ready"
    service.shutdown()


def test_a_shutdown_while_it_warms_up_spares_the_second_forecast() -> None:
    gate = Gate()
    adapter = FakeAdapter(on_predict=gate)
    service = make_service(adapter)
    thread, _ = in_thread(service.initialize)
    assert gate.entered.wait(60)
    service.shutdown()
    gate.opened.set()
    thread.join()
    assert (adapter.batches, adapter.unloaded) == ([["warm-up"]], 1)


def test_a_model_that_fails_its_first_forecast_never_becomes_ready_and_is_let_go() -> None:
    def crash(_: object) -> None:
        raise ZeroDivisionError

    adapter = FakeAdapter(crash)
    service = make_service(adapter)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        service.initialize()
    assert service.get_status()[0] == "error"
    assert adapter.unloaded == 1


def test_shutdown_drains_what_runs_and_drops_what_waits() -> None:
    gate = Gate()
    adapter = FakeAdapter()
    service = make_service(adapter)
    service.initialize()
    adapter.on_predict = gate
    running = service.submit([make_task("running")])
    assert gate.entered.wait(60)
    waiting = service.submit([make_task("waiting", 9)])
    thread, outcome = in_thread(service.shutdown)
    while not service.snapshot.draining:
        threading.Event().wait(0.001)
    with pytest.raises(InitializingError, match="draining"):
        service.initialize()
    gate.opened.set()
    thread.join()
    assert outcome == [True]
    assert len(running.result().forecasts) == 1
    with pytest.raises(ShutDownError):
        waiting.result(60)
    assert adapter.unloaded == 1
    assert service.get_status() == ("uninitialized", None)


def test_a_second_shutdown_during_the_drain_leaves_the_model_usable() -> None:
    gate = Gate()
    adapter = FakeAdapter()
    service = make_service(adapter)
    service.initialize()
    adapter.on_predict = gate
    service.submit([make_task()])
    assert gate.entered.wait(60)
    thread, _ = in_thread(service.shutdown)
    while not service.snapshot.draining:
        threading.Event().wait(0.001)
    assert service.shutdown()
    gate.opened.set()
    thread.join()
    assert service.initialize().status == "ready"
    service.shutdown()


def test_shutting_down_what_is_not_loaded_says_so() -> None:
    assert make_service().shutdown() is False


def test_a_model_that_cannot_be_let_go_is_no_longer_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = FakeAdapter()
    service = make_service(adapter)
    service.initialize()

    def fail(loaded: str) -> None:
        raise OSError("the device is gone")

    monkeypatch.setattr(adapter, "unload", fail)
    with pytest.raises(OSError, match="the device is gone"):
        service.shutdown()
    monkeypatch.undo()

    assert service.get_status() == ("uninitialized", None)
    assert service.initialize().status == "ready"
    service.shutdown()
