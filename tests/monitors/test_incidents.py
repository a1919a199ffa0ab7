from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from monitors.arrays import FloatArray
from monitors.incidents import Incident, incidents, onsets_of, rank_correlation


def all_of(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(count, dtype=np.bool_)


@given(arrays(np.float64, (30, 3), elements=st.integers(-5, 5).map(float)))
def test_the_correlation_is_scipys(values: FloatArray) -> None:
    ours = rank_correlation(values)
    for i in range(3):
        for j in range(3):
            if len(set(values[:, i])) > 1 and len(set(values[:, j])) > 1:
                expected = spearmanr(values[:, i], values[:, j]).statistic
                assert ours[i, j] == pytest.approx(expected, abs=1e-12)
            else:
                assert ours[i, j] == 0


def test_series_that_move_together_are_one_incident_and_the_strongest_comes_first() -> None:
    rng = np.random.default_rng(1)
    common = rng.standard_normal(200)
    windows = 0.4 * rng.standard_normal((200, 6))
    windows[:, :4] += common[:, None] * np.array([1, 1, -1, 1])
    p = np.array([1e-3, 1e-6, 1e-4, 1e-3, 1e-5, 0.9])
    drifted = p < 0.01
    found = incidents("abcdef", p, drifted, windows)
    assert [set(incident.members) for incident in found] == [set("abcd"), {"e"}]
    assert found[0].members[0] == "b"
    assert found[0].p == 1e-6
    assert sum(incident.contribution for incident in found) == pytest.approx(1.0)
    assert found[0].contributions == tuple(sorted(found[0].contributions, reverse=True))


def test_a_common_shift_of_sixty_unrelated_features_is_one_incident() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((750, 60))
    rows[500:] += 0.8
    found = incidents(
        [str(i) for i in range(60)], np.full(60, 1e-5), all_of(60), rows, onsets_of(rows), together=50
    )
    assert len(found) == 1
    assert len(found[0].members) == 60


def test_unrelated_drifts_of_different_times_stay_apart() -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((900, 2))
    rows[300:, 0] += 2.0
    rows[700:, 1] += 2.0
    assert onsets_of(rows) == pytest.approx([300, 700], abs=5)
    assert len(incidents("ab", np.full(2, 1e-4), all_of(2), rows, onsets_of(rows))) == 2


def test_unknown_values_and_columns_do_no_harm() -> None:
    rows = np.full((50, 3), np.nan)
    rows[:, 1] = 5.0
    rows[::2, 2] = np.arange(25.0)
    assert np.isfinite(rank_correlation(rows)).all()
    assert onsets_of(rows)[:2].tolist() == [0, 0]
    assert len(incidents("abc", np.full(3, 0.001), all_of(3), rows)) == 3


def test_nothing_drifted_is_no_incident() -> None:
    assert incidents("ab", np.array([0.5, np.nan]), np.zeros(2, dtype=np.bool_), np.ones((5, 2))) == ()


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="2 names"):
        incidents("ab", np.ones(3), all_of(3))


def test_an_incident_is_a_plain_value() -> None:
    assert Incident(("a",), (1.0,), 0.01) == Incident(("a",), (1.0,), 0.01)
