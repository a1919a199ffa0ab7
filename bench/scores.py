"""Scores of stated probabilities: ours against scikit-learn's."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from bench.timing import Row, compare
from monitors.scores import brier, log_loss

SEED = 20261122
FORECASTS = 16_000


def rows() -> list[Row]:
    """Measure."""
    rng = np.random.default_rng(SEED)
    stated = rng.random(FORECASTS)
    came = (rng.random(FORECASTS) < stated).astype(float)
    stated[:2] = 0.0, 1.0  # the ends, where log-loss needs a rounding step
    return [
        compare(
            f"Brier score of {FORECASTS:,} forecasts",
            lambda: brier(stated, came),
            "scikit-learn",
            lambda: brier_score_loss(came, stated),
            within=1e-12,
        ),
        compare(
            f"log-loss of {FORECASTS:,} forecasts",
            lambda: log_loss(stated, came),
            "scikit-learn",
            lambda: sklearn_log_loss(came, stated),
            within=1e-12,
        ),
    ]
