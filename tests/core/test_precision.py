from dataclasses import replace
from typing import Any

import pytest

from forecast.core.errors import NotSupportedError
from forecast.core.precision import PRECISIONS, check_precision, lower_precision
from forecast.core.schemas import InitializationRequest
from forecast.core.weights import empty_weights, weigh
from tests.fakes import FakeAdapter, make_service, make_task


def make_network() -> Any:
    import torch

    torch.manual_seed(1)
    layers = [torch.nn.Linear(16, 32), torch.nn.GELU(), torch.nn.Linear(32, 4, bias=False)]
    return torch.nn.Sequential(torch.nn.LayerNorm(16), torch.nn.Sequential(*layers)).eval()


def run(network: Any) -> Any:
    import torch

    with torch.inference_mode():
        return network(torch.linspace(-2, 2, 48).view(3, 16))


@pytest.mark.parametrize(("precision", "bytes_of_layers"), [("bfloat16", 2 * 672), ("int8", 640 + 4 * 32)])
def test_a_lower_precision_takes_fewer_bytes_and_changes_little(precision: Any, bytes_of_layers: int) -> None:
    full, lower = make_network(), make_network()

    lower_precision([lower[1]], precision)

    difference = (run(lower) - run(full)).abs().max().item()
    assert 0 < difference < 0.05 * run(full).abs().max().item()
    assert run(lower).dtype == run(full).dtype
    assert (weigh(full, "").parameters, weigh(full, "").bytes) == (704, 4 * 704)
    assert (weigh(lower, "").parameters, weigh(lower, "").bytes) == (704, 4 * 32 + bytes_of_layers)
    assert weigh(lower, "").device == "cpu"


def test_float32_leaves_everything_as_it_is() -> None:
    network = make_network()
    lower_precision([network], "float32")
    assert (run(network) == run(make_network())).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_memory_of_every_precision_is_given_back(precision: Any) -> None:
    network = make_network()
    lower_precision([network[1]], precision)

    empty_weights(network)

    assert (weigh(network, "").parameters, weigh(network, "").bytes) == (0, 0)


def test_a_precision_that_a_model_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(NotSupportedError, match="'int8' is not available .* available: float32, bfloat16"):
        check_precision("int8", ("float32", "bfloat16"), "cpu")


def test_int8_is_refused_off_the_cpu_with_what_to_take_instead() -> None:
    check_precision("int8", PRECISIONS, "cpu")
    with pytest.raises(NotSupportedError, match="on 'gpu' use 'bfloat16'"):
        check_precision("int8", PRECISIONS, "gpu")


def test_a_model_without_weights_computes_in_float32_only() -> None:
    with pytest.raises(NotSupportedError, match="'bfloat16' is not available for this model"):
        make_service().initialize(InitializationRequest(precision="bfloat16"))


class ManyPrecisions(FakeAdapter):
    capabilities = replace(FakeAdapter.capabilities, precisions=PRECISIONS)


@pytest.mark.parametrize(("precision", "sizes"), [("int8", [1, 1, 1]), ("float32", [3])])
def test_in_int8_nobody_shares_a_call_with_others(precision: Any, sizes: list[int]) -> None:
    adapter = ManyPrecisions()
    service = make_service(adapter)
    service.initialize(InitializationRequest(precision=precision))
    adapter.batches.clear()
    service.run_inference([make_task(name) for name in "abc"])
    assert [len(batch) for batch in adapter.batches] == sizes
    service.shutdown()
