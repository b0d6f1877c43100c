from typing import Any

import pytest

from forecast.core import loading
from tests.fakes import FakeAdapter, make_service


class ModuleAdapter(FakeAdapter):
    """A fake whose weights are a torch module."""

    def module(self, loaded: str) -> Any:
        import torch

        return torch.nn.Linear(2, 2)


def test_a_model_whose_precision_cannot_be_lowered_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(blocks: object, precision: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(loading, "lower_precision", crash)
    adapter = ModuleAdapter()
    service = make_service(adapter)
    with pytest.raises(ZeroDivisionError):
        service.initialize()
    assert (service.get_status()[0], adapter.unloaded) == ("error", 1)
