"""The linear recurrence inside one of FlowState's layers, at one scale factor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Recurrence:
    """How a layer's state follows from its inputs, and what is read from it.

    States are complex, inputs and what is read are real. `entry`, shape (inputs, 2 * states), and `reading`,
    shape (2 * states, features), have a state's real and imaginary part side by side, so that each takes one
    product of real matrices. `powers` are a step's decay to the power of 1, 2, 4 and so on.
    """

    entry: Any
    reading: Any
    powers: Sequence[Any]

    def states(self, torch: Any, inputs: Any, before: Any) -> Any:
        """Return the state at each step, shape (steps, series, states), and leave the last one in `before`.

        `inputs` has shape (steps, series, inputs), `before` has (series, states).
        """
        states = torch.view_as_complex((inputs @ self.entry).unflatten(2, (-1, 2)))
        states[0].addcmul_(before, self.powers[0])
        accumulate(states, self.powers)
        before.copy_(states[-1])
        return states

    def read(self, torch: Any, states: Any) -> Any:
        """Return what the layer reads from states, shape (steps, series, features)."""
        return torch.view_as_real(states).flatten(2) @ self.reading


def discretize(torch: Any, block: Any, factor: float, steps: int, embedding: Any = None) -> Recurrence:
    """Return the recurrence of the library's S5 block at a scale factor, for runs of up to `steps` steps.

    Where its inputs are linear in something smaller, `embedding`, of shape (smaller, inputs), makes it a
    recurrence of that.
    """
    rate = -torch.exp(block.log_Lambda_real) + 1j * block.Lambda_imag
    # In float32 as the library has it, of which slow states keep few digits: more would be other numbers.
    exponent = torch.tensor([factor], device=rate.device) * rate * torch.exp(block.log_Delta)
    gain = 1 / rate * (exponent.exp() - 1.0)
    driven = (gain[:, None] * torch.complex(block.B_tilde_r, block.B_tilde_i)).T.contiguous()
    entry = torch.view_as_real(driven).flatten(1)
    reading = torch.stack([block.C_tilde_r.T, -block.C_tilde_i.T], dim=1).flatten(0, 1)
    # Twice an exponent is exact, while a rounded decay that is squared so often would lose its phase.
    powers = [(exponent * 2**level).exp() for level in range(steps.bit_length())]
    return Recurrence(entry if embedding is None else embedding @ entry, reading, powers)


def accumulate(states: Any, powers: Sequence[Any]) -> None:
    """Add to each step what is left of all the steps before it, in place.

    This is the scan of Brent and Kung: few operations, each on many steps, of which none is done twice.
    """
    steps, level = len(states), 0
    while 2 << level <= steps:
        span = 1 << level
        later = states[2 * span - 1 :: 2 * span]
        later.addcmul_(states[span - 1 :: 2 * span][: len(later)], powers[level])
        level += 1
    for low in reversed(range(level)):
        span = 1 << low
        later = states[3 * span - 1 :: 2 * span]
        later.addcmul_(states[2 * span - 1 :: 2 * span][: len(later)], powers[low])
