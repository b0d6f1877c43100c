"""Rows of observations as arrays, and how the covariates of a row are packed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.core.adapter import Floats

Ints = NDArray[np.int64]
EARLIEST, LATEST = -(1 << 63), (1 << 63) - 1
"""Before and after any stamp, in microseconds since 1970."""

_BYTES = 8
# What was never written reads as zeros, and so as NaN: rows older than a covariate are not rewritten for it.
_NAN = np.uint64(0x7FF8_0000_0000_0000)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Observations, a place of the arrays each.

    `at` is in microseconds since 1970; `covariates` has shape (n, number of covariates), categories being
    their places among the labels. NaN stands for no value.
    """

    keys: Ints
    at: Ints
    values: Floats
    covariates: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)

    def take(self, places: NDArray[np.bool_] | Ints) -> "Rows":
        """Return those at some places, or where a mask is true."""
        return Rows(self.keys[places], self.at[places], self.values[places], self.covariates[places])

    def ordered(self) -> "Rows":
        """Return the rows by item, then time."""
        same = self.keys[1:] == self.keys[:-1]
        rising = (self.keys[1:] > self.keys[:-1]) | (same & (self.at[1:] > self.at[:-1]))
        return self if rising.all() else self.take(np.lexsort((self.at, self.keys)))


def packed_width(covariates: int) -> int:
    """Return how many bytes so many covariates are packed to."""
    return _BYTES * covariates


def pack(covariates: Floats) -> NDArray[np.void]:
    """Return each row of shape (n, k), k at least 1, as its bytes."""
    known = np.where(np.isnan(covariates), np.nan, covariates).astype("<f8")
    bits = np.ascontiguousarray(known).view("<u8") ^ _NAN
    return bits.view(f"V{packed_width(covariates.shape[1])}").reshape(-1)


def unpack(content: NDArray[np.void], covariates: int, rows: int) -> Floats:
    """Return the covariates of so many rows, shape (rows, covariates), packed and filled up with zeros."""
    if covariates == 0 or rows == 0:
        return np.empty((rows, covariates))
    bits = np.ascontiguousarray(content).view("<u8").reshape(rows, covariates)
    numbers: Floats = (bits ^ _NAN).view("<f8")
    return numbers
