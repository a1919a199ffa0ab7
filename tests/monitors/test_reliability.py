from __future__ import annotations

import numpy as np
import pytest

from monitors.ece import ece
from monitors.reliability import null_gaps, reliability


def test_bins_hold_equal_counts_and_their_own_means() -> None:
    rng = np.random.default_rng(1)
    stated = rng.random(1_000)
    came = (rng.random(1_000) < stated).astype(float)
    found = reliability(stated, came)
    assert [part.n for part in found] == [100] * 10
    ordered = np.argsort(stated, kind="stable")
    for i, part in enumerate(found):
        own = ordered[100 * i : 100 * i + 100]
        assert part.stated == pytest.approx(stated[own].mean())
        assert part.observed == pytest.approx(came[own].mean())
        assert part.low <= part.stated <= part.high
    assert sum(part.n * abs(part.observed - part.stated) for part in found) / 1_000 == pytest.approx(
        ece(stated, came)
    )


def test_a_calibrated_forecaster_lies_inside_95_of_100_bands() -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(40):
        stated = rng.uniform(0.3, 0.7, 400)
        came = (rng.random(400) < stated).astype(float)
        inside += [part.consistent for part in reliability(stated, came)]
    assert 0.92 <= np.mean(inside) <= 0.99


def test_the_null_of_the_ece_is_what_the_research_measured() -> None:
    stated = np.random.default_rng(3).uniform(0.5, 0.75, 250)
    drawn = np.abs(null_gaps(stated)).sum(axis=1)
    assert drawn.mean() == pytest.approx(0.078, abs=0.006)  # equal-mass bins, n = 250
    assert np.quantile(drawn, 0.95) == pytest.approx(0.110, abs=0.010)


def test_few_forecasts_have_few_bins_and_none_has_none() -> None:
    assert len(reliability(np.array([0.2, 0.4, 0.6]), np.array([0.0, 1.0, 1.0]))) == 3
    assert reliability(np.empty(0), np.empty(0)) == ()
    assert null_gaps(np.empty(0)).size == 0
