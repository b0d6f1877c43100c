from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.models.flowstate91m.services.encoder import build_encoder
from forecast.models.flowstate91m.services.model import LoadedFlowState
from forecast.models.flowstate91m.services.recurrence import accumulate, discretize
from forecast.models.flowstate91m.tests.tiny import make_model


def make_states(steps: int, series: int = 2) -> Any:
    values = np.random.default_rng(steps).normal(size=(2, steps, series, 3))
    return torch.complex(*torch.from_numpy(values))


@settings(deadline=None)
@given(steps=st.integers(1, 150))
def test_each_step_is_what_came_in_and_what_is_left_of_the_step_before(steps: int) -> None:
    decay = torch.tensor([0.9 + 0.3j, 0.2 - 0.1j, -1.0 + 0j], dtype=torch.complex128)
    states = make_states(steps)
    expected = states.clone()
    for step in range(1, steps):
        expected[step] += decay * expected[step - 1]

    accumulate(states, [decay ** (1 << level) for level in range(steps.bit_length())])

    assert (states - expected).abs().max() <= 1e-12 * expected.abs().max()


@pytest.mark.parametrize("embedded", [False, True])
def test_steps_in_two_runs_have_the_states_that_they_have_in_one(
    loaded: LoadedFlowState, embedded: bool
) -> None:
    block = loaded.model.model.encoder.layers[0].ssm
    embedding = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    inputs = torch.randn(40, 2, 3 if embedded else 16, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        recurrence = discretize(torch, block, 1.5, 40, embedding if embedded else None)
        before = torch.zeros(2, 16, dtype=torch.complex64)
        whole = recurrence.states(torch, inputs, torch.zeros_like(before))
        parts = [recurrence.states(torch, part, before) for part in (inputs[:13], inputs[13:])]
    assert (torch.cat(parts) - whole).abs().max() <= 1e-6 * whole.abs().max()
    assert torch.equal(before, parts[1][-1])


def test_the_powers_of_a_slow_decay_keep_their_phase(loaded: LoadedFlowState) -> None:
    block = loaded.model.model.encoder.layers[0].ssm
    with torch.inference_mode():
        powers = discretize(torch, block, 1.0, 4096).powers
        decay = (-torch.exp(block.log_Lambda_real) + 1j * block.Lambda_imag) * torch.exp(block.log_Delta)
        expected = (decay.to(torch.complex128) * 4096).exp()
    assert len(powers) == 13
    assert (powers[12] - expected).abs().max() <= 1e-7


def test_a_device_other_than_the_cpu_is_given_nothing_of_the_cpus() -> None:
    model = make_model(with_missing=True, out_gating=True).to("meta")
    own = build_encoder(torch, model, 1.0)
    with torch.inference_mode():
        features = own.encode(torch.zeros(40_000, 2, 2, device="meta"), [100, 20_000, 39_999])
    assert (features.shape, features.device.type) == ((3, 2, 16), "meta")
