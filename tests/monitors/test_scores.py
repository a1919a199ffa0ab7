from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from monitors.scores import brier, log_loss, skill


@given(st.integers(0, 10_000), st.integers(1, 300), st.booleans())
def test_the_scores_equal_scikit_learns(seed: int, n: int, certain: bool) -> None:
    rng = np.random.default_rng(seed)
    stated = rng.random(n)
    if certain:
        stated[:: max(n // 3, 1)] = rng.integers(0, 2)
    came = (rng.random(n) < 0.5).astype(float)
    assert brier(stated, came) == pytest.approx(brier_score_loss(came, stated, pos_label=1), abs=1e-12)
    expected = sklearn_log_loss(came, stated, labels=[0, 1])
    assert log_loss(stated, came) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_skill_is_the_share_saved() -> None:
    assert skill(0.0, 0.25) == 1.0
    assert skill(0.25, 0.25) == 0.0
    assert skill(0.30, 0.25) == pytest.approx(-0.2)
    assert math.isnan(skill(0.1, 0.0))


def test_no_forecast_has_no_score() -> None:
    assert math.isnan(brier(np.empty(0), np.empty(0)))
    assert math.isnan(log_loss(np.empty(0), np.empty(0)))
