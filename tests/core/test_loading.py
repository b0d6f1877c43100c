import pytest

from forecast.core import loading
from tests.fakes import FakeAdapter, make_module, make_service


def test_a_model_whose_precision_cannot_be_lowered_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(blocks: object, precision: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: make_module(1.0))
    monkeypatch.setattr(loading, "lower_precision", crash)
    adapter = FakeAdapter()
    service = make_service(adapter)
    with pytest.raises(ZeroDivisionError):
        service.initialize()
    assert (service.get_status()[0], adapter.unloaded) == ("error", 1)
