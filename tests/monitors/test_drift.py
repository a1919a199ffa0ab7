from __future__ import annotations

import pickle
from datetime import date

import numpy as np
import pytest

from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import drift_readings
from monitors.ks import ks
from monitors.psi import bin_counts, psi, psi_edges
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings

SESSION = date(2024, 3, 7)
WINDOW = 20
NAMES = ("momentum", "volatility", "breadth", "volume")
LIMITS = WatchSettings()


def history(sessions: int = 300, tickers: int = 30, seed: int = 30) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((sessions, tickers, len(NAMES)))


@pytest.fixture(scope="module")
def reference() -> DriftReference:
    return prepare_reference(history(), NAMES, window=WINDOW)


def fresh(seed: int = 31) -> FloatArray:
    return history(WINDOW, seed=seed)


def read(window: FloatArray | None, reference: DriftReference | None) -> dict[tuple[str, str], Reading]:
    readings = drift_readings(SESSION, window, reference, LIMITS)
    return {(reading.metric, reading.subject): reading for reading in readings}


def test_every_feature_gets_psi_and_ks_and_the_whole_a_share(reference: DriftReference) -> None:
    readings = read(fresh(), reference)
    assert set(readings) == {(metric, name) for metric in ("psi", "ks") for name in NAMES} | {
        ("drift_share", "features")
    }
    for reading in readings.values():
        assert reading.monitor == "drift"
        assert reading.session == SESSION
        assert reading.state is State.OK
        assert reading.evidence is not None
        assert reading.evidence.p_value is not None
    assert readings["psi", "momentum"].threshold == 0.2
    assert readings["ks", "momentum"].threshold is None
    assert readings["psi", "momentum"].n == 600


def test_the_numbers_are_those_of_the_kernels(reference: DriftReference) -> None:
    past, window = history()[:, :, 2].ravel(), fresh()[:, :, 2].ravel()
    readings = read(fresh(), reference)
    edges = psi_edges(np.sort(past))
    expected = float(psi(bin_counts(past, edges), bin_counts(window, edges)))
    assert readings["psi", "breadth"].value == pytest.approx(expected, abs=1e-12)
    exact = ks(np.sort(past), np.sort(window))
    assert exact - 0.0012 <= readings["ks", "breadth"].value <= exact + 1e-12


def test_a_shifted_feature_is_named_and_the_others_stay_calm(reference: DriftReference) -> None:
    window = fresh()
    window[:, :, 1] += 0.6
    readings = read(window, reference)
    assert readings["psi", "volatility"].state is State.BREACH
    assert readings["ks", "volatility"].state is State.BREACH
    assert readings["ks", "momentum"].state is State.OK
    share = readings["drift_share", "features"]
    assert share.value == 0.25
    assert "volatility" in share.detail
    assert share.evidence is not None
    assert share.evidence.p_value is not None
    assert share.evidence.p_value <= 0.01
    assert share.state is State.BREACH


def test_a_shift_of_everything_is_one_share_in_breach(reference: DriftReference) -> None:
    share = read(fresh() + 0.5, reference)["drift_share", "features"]
    assert share.value == 1.0
    assert share.state is State.BREACH
    assert share.evidence is not None
    assert share.evidence.method == "own_windows_joint"


def test_one_bad_tick_does_not_hide_a_shift(reference: DriftReference) -> None:
    window = fresh()
    window[:, :, 0] += 1.0
    clean = read(window, reference)["psi", "momentum"].value
    window[3, 4, 0] = 1e9
    spoiled = read(window, reference)["psi", "momentum"]
    assert spoiled.state is State.BREACH
    assert spoiled.value == pytest.approx(clean, rel=0.01)


def test_a_bad_tick_in_the_reference_does_not_hide_a_shift() -> None:
    past = history()
    past[7, 7, 0] = 1e9
    readings = read(fresh() + 1.0, prepare_reference(past, NAMES, window=WINDOW))
    assert readings["psi", "momentum"].state is State.BREACH
    clean = read(fresh() + 1.0, prepare_reference(history(), NAMES, window=WINDOW))
    assert readings["psi", "momentum"].value == pytest.approx(clean["psi", "momentum"].value, rel=0.01)


def test_one_nan_does_not_silence_a_shift(reference: DriftReference) -> None:
    window = fresh() + 1.0
    window[0, 0, :] = np.nan
    readings = read(window, reference)
    assert all(readings["psi", name].state is State.BREACH for name in NAMES)
    assert all(readings["psi", name].n == 599 for name in NAMES)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x: np.full_like(x, np.nan), NoData.MISSING),
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) % 10 > 0, np.nan, x), NoData.MISSING),
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) == 5, np.inf, x), NoData.INFINITE),
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) == 5, -np.inf, x), NoData.INFINITE),
        (lambda x: np.full_like(x, np.inf), NoData.INFINITE),
        (lambda x: np.full_like(x, 0.3), NoData.CONSTANT),
        (lambda x: np.vstack([x[:14], np.repeat(x[14:15], 6, axis=0)]), NoData.STUCK),
        (lambda x: x[:, :0], NoData.MISSING),
        (lambda x: x[:, :2] * 1.0, NoData.TOO_FEW),
    ],
)
def test_what_cannot_be_judged_says_why(reference: DriftReference, spoil: object, reason: NoData) -> None:
    assert callable(spoil)
    window = np.stack([spoil(fresh()[:, :, feature]) for feature in range(len(NAMES))], axis=2)
    for reading in read(window, reference).values():
        assert reading.state is State.NO_DATA, reading
        assert reading.reason is reason


def test_an_infinite_value_does_not_hide_a_breach(reference: DriftReference) -> None:
    window = fresh() + 1.0
    window[0, 0, 0] = np.inf
    readings = read(window, reference)
    assert readings["psi", "momentum"].state is State.BREACH
    assert "1 infinite" in readings["psi", "momentum"].detail
    assert readings["drift_share", "features"].state is State.BREACH


def test_the_missing_share_is_always_told(reference: DriftReference) -> None:
    window = fresh()
    window[:8, :, 3] = np.nan
    reading = read(window, reference)["psi", "volume"]
    assert reading.state is not State.NO_DATA
    assert "40% of the window unknown" in reading.detail


def test_most_features_unknown_leave_no_verdict_on_the_whole(reference: DriftReference) -> None:
    window = fresh()
    window[:, :, :3] = np.nan
    share = read(window, reference)["drift_share", "features"]
    assert share.state is State.NO_DATA
    assert share.reason is NoData.MISSING


def test_a_reference_that_says_nothing_gives_no_verdict() -> None:
    past = history()
    past[:, :, 0] = np.nan
    past[:, :, 1] = 4.0
    past[3:, :, 2] = np.nan
    readings = read(fresh(), prepare_reference(past, NAMES, window=WINDOW))
    assert readings["psi", "momentum"].reason is NoData.MISSING
    assert readings["psi", "volatility"].reason is NoData.CONSTANT
    assert readings["psi", "breadth"].reason is NoData.TOO_FEW
    assert readings["psi", "volume"].state is State.OK


@pytest.mark.parametrize(("value", "reason"), [(4.0, NoData.CONSTANT), (np.nan, NoData.MISSING)])
def test_a_reference_without_a_usable_feature_gives_no_verdict(value: float, reason: NoData) -> None:
    prepared = prepare_reference(np.full_like(history(), value), NAMES, window=WINDOW)
    assert {reading.reason for reading in read(fresh(), prepared).values()} == {reason}


def test_a_slow_feature_may_stand_still() -> None:
    past = history()
    past[:, :, 0] = np.repeat(past[::20, :, 0], 20, axis=0)
    window = fresh()
    window[:, :, 0] = window[0, :, 0]
    reading = read(window, prepare_reference(past, NAMES, window=WINDOW))["psi", "momentum"]
    assert reading.state is not State.NO_DATA


def test_infinities_in_the_reference_count_as_unknown() -> None:
    past = history()
    past[5, :, 0] = np.inf
    prepared = prepare_reference(past, NAMES, window=WINDOW)
    assert prepared.features[0].n == 299 * 30
    assert read(fresh(), prepared)["psi", "momentum"].state is State.OK


def test_a_short_reference_falls_back_to_the_laws_for_independent_values_and_says_so() -> None:
    prepared = prepare_reference(history(150), NAMES, window=WINDOW)
    readings = read(fresh() + 1.0, prepared)
    psi_reading, ks_reading = readings["psi", "momentum"], readings["ks", "momentum"]
    assert psi_reading.evidence is not None
    assert psi_reading.evidence.method == "yurdakul_chi_square"
    assert ks_reading.evidence is not None
    assert ks_reading.evidence.method == "kolmogorov_independent"
    assert ks_reading.state is State.WARN  # such evidence alone is never a breach
    share = readings["drift_share", "features"]
    assert share.state is State.WARN
    assert "too short" in share.detail


def test_without_reference_or_window_nothing_is_said(reference: DriftReference) -> None:
    alone = read(fresh(), None)
    assert set(alone) == {("drift_share", "features")}
    assert alone["drift_share", "features"].reason is NoData.NOT_EVALUATED
    for window in (None, fresh()[:5]):
        readings = read(window, reference)
        assert len(readings) == 9
        assert all(reading.reason is NoData.TOO_FEW for reading in readings.values())


def test_only_the_newest_window_is_compared(reference: DriftReference) -> None:
    longer = np.concatenate([fresh(seed=32) + 5.0, fresh()])
    assert [r.value for r in read(longer, reference).values()] == [
        r.value for r in read(fresh(), reference).values()
    ]


def test_shapes_that_do_not_fit_are_refused(reference: DriftReference) -> None:
    with pytest.raises(ValueError, match="4 features"):
        read(fresh()[:, :, :3], reference)
    with pytest.raises(ValueError, match="third axis"):
        prepare_reference(history(), NAMES[:2], window=WINDOW)
    with pytest.raises(ValueError, match="at least 1"):
        prepare_reference(history(), NAMES, window=0)


def test_a_reference_survives_pickling_and_stays_small(reference: DriftReference) -> None:
    stored = pickle.dumps(reference)
    assert len(stored) < 50_000 * len(NAMES)
    again = pickle.loads(stored)  # noqa: S301
    assert read(fresh(), again) == read(fresh(), reference)
    assert again.names == NAMES


def test_without_drift_hardly_any_session_is_in_breach() -> None:
    rng = np.random.default_rng(33)
    # a common daily factor and slow features: neither tickers nor sessions are independent
    breaches, psi_breaches, looks = 0, 0, 0
    for _ in range(12):
        shape = (400 + 40 * WINDOW, 20, 3)
        common, own = rng.standard_normal((shape[0], 1, 3)), rng.standard_normal(shape)
        values = np.sqrt(0.3) * common + np.sqrt(0.7) * own
        for session in range(1, shape[0]):
            values[session] = 0.8 * values[session - 1] + 0.6 * values[session]
        prepared = prepare_reference(values[:400], NAMES[:3], window=WINDOW)
        for start in range(420, shape[0] - WINDOW, 2 * WINDOW):
            readings = drift_readings(SESSION, values[start : start + WINDOW], prepared, LIMITS)
            looks += 1
            breaches += readings[-1].state is State.BREACH
            psi_breaches += any(r.metric == "psi" and r.state is State.BREACH for r in readings)
    assert looks > 200
    assert breaches / looks <= 0.06
    assert psi_breaches / looks > 0.3  # the classic rule on the same data
