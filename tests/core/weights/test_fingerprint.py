"""What tells weights from others that lie at the same place."""

from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from forecast.core.adapter import ModelConfig
from forecast.core.loading import load_model
from forecast.core.precision import PRECISIONS
from forecast.core.weights import fingerprint
from tests.core.conftest import PREFIX, forecast
from tests.fakes import FakeAdapter, make_module

LARGE = 50_000


def make_network(**changes: Any) -> Any:
    network = torch.nn.ModuleDict({"layer": torch.nn.Linear(4, 3), "large": torch.nn.Linear(LARGE, 1)})
    network.register_buffer("scale", changes.get("scale", torch.ones(2)))
    network.register_buffer("made", torch.tensor(float(changes.get("made", 0))), persistent=False)
    for place, (_, tensor) in enumerate(sorted(network.named_parameters())):
        torch.nn.init.constant_(tensor, place)
    return network


def test_equal_weights_have_one_fingerprint_wherever_their_numbers_lie() -> None:
    network, other = make_network(), make_network(made=1)
    turned = torch.nn.Parameter(network["layer"].weight.detach().t().contiguous().t())
    assert not turned.is_contiguous()
    other["layer"].weight = turned
    assert fingerprint(network) == fingerprint(other)
    assert len(fingerprint(network)) == 32
    assert fingerprint(torch.nn.Identity()) == fingerprint(torch.nn.ReLU())


@pytest.mark.parametrize("place", [0, LARGE - 1])
def test_other_numbers_have_another_fingerprint(place: int) -> None:
    network = make_network()
    with torch.no_grad():
        network["large"].weight[0, place] += 1e-3
    assert fingerprint(network) != fingerprint(make_network())


def test_other_names_shapes_formats_and_buffers_have_another_fingerprint() -> None:
    renamed, shaped = make_network(), make_network()
    renamed["other"] = renamed.pop("layer")
    shaped["layer"].weight = torch.nn.Parameter(shaped["layer"].weight.detach().reshape(2, 6))
    scaled = make_network(scale=torch.full((2,), 2.0))
    halved = make_network(scale=torch.ones(2, dtype=torch.bfloat16))
    marks = {fingerprint(one) for one in (make_network(), renamed, shaped, scaled, halved)}
    assert len(marks) == 5


def test_a_lower_precision_changes_no_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: make_module(1.0))
    monkeypatch.setattr(
        FakeAdapter, "blocks", lambda self, loaded: [torch.nn.Sequential(self.module(loaded))]
    )
    found = set()
    for precision in PRECISIONS:
        config = ModelConfig(context_len=None, horizon_len=4, local_dir=Path(), precision=precision)
        _, weights = load_model(FakeAdapter(), config)
        assert weights is not None
        found.add(weights.fingerprint)
    assert found == {fingerprint(make_module(1.0))}


def test_the_status_and_every_answer_tell_which_weights_there_are(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: make_module(1.0))
    client.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    told = client.get(f"{PREFIX}/status").json()
    assert told["weights"]["fingerprint"] == fingerprint(make_module(1.0)) != fingerprint(make_module(2.0))
    made = forecast(client).json()["execution_metadata"]
    assert made["weights_fingerprint"] == told["weights"]["fingerprint"]
    assert made["model_version"] == told["model_version"]
