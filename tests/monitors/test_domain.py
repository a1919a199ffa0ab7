from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from monitors.arrays import FloatArray
from monitors.domain import auc, domain_reading, domain_shift
from monitors.drift import prepare_reference
from monitors.feature_drift import drift_readings
from monitors.reading import NoData, State
from monitors.settings import WatchSettings

NAMES = tuple("abcdef")
SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()


def panel(sessions: int, seed: int, correlation: float, tickers: int = 20) -> FloatArray:
    """A daily shock, slow features, and `a` and `b` correlated as asked; every margin is standard normal."""
    rng = np.random.default_rng(seed)
    shape = (sessions + 50, tickers, len(NAMES))
    common = np.sqrt(0.3) * rng.standard_normal((shape[0], 1, len(NAMES)))
    values = common + np.sqrt(0.7) * rng.standard_normal(shape)
    for session in range(1, shape[0]):
        values[session] = 0.8 * values[session - 1] + 0.6 * values[session]
    values[:, :, 1] = correlation * values[:, :, 0] + np.sqrt(1 - correlation**2) * values[:, :, 1]
    return np.asarray(values[50:])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.booleans())
def test_the_area_equals_scikit_learns(seed: int, rows: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (rows, 2)).astype(float) if ties else rng.standard_normal((rows, 2))
    positive, used = rng.random((rows, 2)) < 0.4, rng.random((rows, 2)) < 0.8
    found = auc(scores, positive & used, ~positive & used)
    for column in range(2):
        kept = used[:, column]
        labels = positive[kept, column]
        if labels.size and 0 < labels.sum() < labels.size:
            assert found[column] == pytest.approx(roc_auc_score(labels, scores[kept, column]), abs=1e-12)
        else:
            assert np.isnan(found[column])


def test_a_rotation_that_no_margin_shows_is_found() -> None:
    old, new = panel(400, 1, 0.6), panel(20, 2, -0.6)
    margins = drift_readings(SESSION, new, prepare_reference(old, NAMES, window=20), LIMITS)
    assert margins[-1].state is State.OK
    reading = domain_reading(SESSION, old, new, NAMES, LIMITS)
    assert reading.state is State.BREACH
    assert reading.value > 0.6
    assert "a x b" in reading.detail
    assert reading.evidence is not None
    assert reading.evidence.method == "session_runs"


def test_without_a_shift_hardly_anything_is_found_though_sessions_and_tickers_depend() -> None:
    p_values = []
    for seed in range(16):
        values = panel(320, 100 + seed, 0.6, tickers=10)
        shift = domain_shift(values[:300], values[300:], NAMES)
        assert shift is not None
        p_values.append(shift.p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.17
    assert np.mean(np.array(p_values) <= 0.01) <= 0.05


def test_a_single_series_can_be_judged_too() -> None:
    old, new = panel(3_000, 3, 0.6, tickers=1), panel(250, 4, -0.6, tickers=1)
    shift = domain_shift(old, new, NAMES)
    assert shift is not None
    assert shift.p_value <= 0.01


@pytest.mark.parametrize(
    "window",
    [
        panel(20, 5, 0.6)[:3],
        np.full((20, 20, len(NAMES)), np.nan),
        np.where(np.arange(20)[:, None, None] < 16, np.nan, panel(20, 5, 0.6)),
    ],
)
def test_too_little_to_tell_is_said(window: FloatArray) -> None:
    reading = domain_reading(SESSION, panel(300, 6, 0.6), window, NAMES, LIMITS)
    assert reading.state is State.NO_DATA
    assert reading.reason is NoData.TOO_FEW


def test_many_features_are_told_by_their_most_correlated_pairs() -> None:
    rng = np.random.default_rng(7)
    names = tuple(f"f{i}" for i in range(30))
    old, new = rng.standard_normal((200, 20, 30)), rng.standard_normal((20, 20, 30))
    new[:, :, 1] = -new[:, :, 0]
    shift = domain_shift(old, new, names)
    assert shift is not None
    assert shift.p_value <= 0.01
    assert shift.leading[0] == "f0 x f1"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="6 features"):
        domain_shift(panel(300, 1, 0.0), panel(20, 1, 0.0)[:, :, :5], NAMES)


def spoilt(window: FloatArray, how: str, features: int) -> FloatArray:
    """The first features of a window made constant, stuck or infinite."""
    out = window.copy()
    if how == "stuck":
        out[:, :, :features] = out[:1, :, :features]
    else:
        out[:, :, :features] = {"constant": 1.5, "infinite": np.inf}[how]
    return out


@pytest.mark.parametrize("how", ["constant", "stuck", "infinite"])
def test_what_is_constant_stuck_or_infinite_is_left_out_or_named_as_the_reason(how: str) -> None:
    old, new = panel(320, 11, 0.6), panel(20, 12, 0.6)
    one = domain_reading(SESSION, old, spoilt(new, how, 1), NAMES, LIMITS)
    rest = domain_shift(old[:, :, 1:], new[:, :, 1:], NAMES[1:])
    assert rest is not None
    assert one.value == rest.auc
    assert one.detail.endswith(f"left out: a ({how})")
    most = domain_reading(SESSION, old, spoilt(new, how, 5), NAMES, LIMITS)
    assert (most.state, most.reason) == (State.NO_DATA, NoData(how))


def test_a_feature_that_also_stood_still_in_the_reference_is_kept() -> None:
    old, new = panel(320, 13, 0.6), panel(20, 14, 0.6)
    old[:, :, 0] = np.repeat(old[::40, :, 0], 40, axis=0)
    reading = domain_reading(SESSION, old, spoilt(new, "stuck", 1), NAMES, LIMITS)
    assert "left out" not in reading.detail
