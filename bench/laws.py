"""The laws that series without drift follow in the simulations."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from scipy.signal import lfilter

from monitors.arrays import FloatArray

SETTLED = 500  # rows after which a series has forgotten its start


class Law(StrEnum):
    """How the values of a series are distributed and depend on those before."""

    NORMAL = "independent normal"
    STUDENT = "independent t(3)"
    SLOW = "AR(1), 0.9"
    SLOWER = "AR(1), 0.98"

    @property
    def memory(self) -> float:
        """Correlation with the value before."""
        return {Law.SLOW: 0.9, Law.SLOWER: 0.98}.get(self, 0.0)

    def series(self, rng: np.random.Generator, rows: int, columns: int) -> FloatArray:
        """Independent series side by side, shape (rows, columns)."""
        shape = (rows + SETTLED, columns)
        noise = rng.standard_t(3, shape) if self is Law.STUDENT else rng.standard_normal(shape)
        if self.memory:
            noise = lfilter([1.0], [1.0, -self.memory], noise, axis=0)
        return np.asarray(noise[SETTLED:])
