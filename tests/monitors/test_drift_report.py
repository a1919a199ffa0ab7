"""The inputs are those of the peers' table of edge cases (research/drift.md, section 2), one test a line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from monitors.arrays import FloatArray
from monitors.drift_report import drift_report
from monitors.reading import NoData, Reading, State
from monitors.report import DriftReport

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def older() -> FloatArray:
    return np.random.default_rng(1).standard_normal((3_000, 3))


def newer(rows: int = 250, seed: int = 2) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((rows, 3))


def of(report: DriftReport, metric: str, subject: str = "a") -> Reading:
    return next(r for r in report.readings if (r.metric, r.subject) == (metric, subject))


def broken(report: DriftReport) -> set[str]:
    return {r.subject for r in report.readings if r.metric == "data_quality" and r.state is State.BREACH}


def test_nothing_changed_is_ok(older: FloatArray) -> None:
    report = drift_report(older, newer(), NAMES)
    assert report.verdict is State.OK
    assert report.incidents == ()
    assert {r.metric for r in report.readings} == {"psi", "ks", "wasserstein", "drift_share", "domain_auc"}


def test_a_shift_of_one_standard_deviation_is_a_breach(older: FloatArray) -> None:
    report = drift_report(older, newer() + 1.0, NAMES)
    assert report.verdict is State.BREACH
    assert of(report, "psi").value > 0.7
    assert len(report.incidents) == 1  # one cause, one incident
    assert set(report.incidents[0].members) == set(NAMES)


def test_a_shift_beside_one_bad_tick_is_still_a_breach(older: FloatArray) -> None:
    window = newer() + 1.0
    clean = of(drift_report(older, window, NAMES), "psi").value
    window[9, 0] = 1e6
    report = drift_report(older, window, NAMES)
    assert of(report, "ks").state is State.BREACH
    assert of(report, "psi").value == pytest.approx(clean, rel=0.05)  # one of 250 values


@pytest.mark.parametrize("degrees", [2.0, 1.5])
def test_heavy_tails_hide_no_shift_and_feign_none(degrees: float) -> None:
    rng = np.random.default_rng(3)
    old, new = rng.standard_t(degrees, (5_000, 3)), rng.standard_t(degrees, (250, 3))
    assert drift_report(old, new, NAMES).verdict is State.OK
    report = drift_report(old, new + 1.0, NAMES)
    assert report.verdict is State.BREACH
    assert of(report, "psi").value > 0.2


def test_a_bad_tick_in_the_reference_hides_no_shift(older: FloatArray) -> None:
    spoiled = older.copy()
    spoiled[17, 0] = 1e9
    assert of(drift_report(spoiled, newer() + 0.5, NAMES), "ks").state is State.BREACH


def test_one_nan_row_hides_no_shift(older: FloatArray) -> None:
    window = newer(1_000) + 1.0
    window[5] = np.nan
    report = drift_report(np.tile(older, (3, 1)), window, NAMES)
    assert report.verdict is State.BREACH
    assert all(of(report, "ks", name).state is State.BREACH for name in NAMES)


def test_ninety_percent_nan_is_a_data_quality_breach(older: FloatArray) -> None:
    window = newer()
    window[np.arange(250) % 10 > 0, 0] = np.nan
    report = drift_report(older, window, NAMES)
    assert of(report, "psi").reason is of(report, "ks").reason is NoData.MISSING
    assert broken(report) == {"a"}
    assert report.verdict is State.BREACH


def test_all_nan_is_a_data_quality_breach(older: FloatArray) -> None:
    report = drift_report(older, np.full((250, 3), np.nan), NAMES)
    assert of(report, "drift_share", "features").reason is NoData.MISSING
    assert broken(report) == set(NAMES)
    assert report.verdict is State.BREACH


def test_infinity_is_a_data_quality_breach(older: FloatArray) -> None:
    window = newer()
    window[3, 0] = np.inf
    report = drift_report(older, window, NAMES)
    assert of(report, "psi").reason is NoData.INFINITE
    assert broken(report) == {"a"}


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_hardly_any_row_is_not_judged(older: FloatArray, rows: int) -> None:
    report = drift_report(older, newer(rows), NAMES)
    assert report.verdict is State.NO_DATA
    assert all(r.reason is NoData.TOO_FEW for r in report.readings)


def test_a_constant_that_becomes_another_is_a_data_quality_breach(older: FloatArray) -> None:
    constant, window = older.copy(), newer()
    constant[:, 0], window[:, 0] = 1.0, 2.0
    report = drift_report(constant, window, NAMES)
    assert of(report, "psi").reason is NoData.CONSTANT
    assert broken(report) == {"a"}
    window[:, 0] = 1.0
    same = drift_report(constant, window, NAMES)
    assert broken(same) == set()
    assert of(same, "psi").reason is NoData.CONSTANT


def test_a_feature_that_becomes_constant_is_a_data_quality_breach(older: FloatArray) -> None:
    window = newer()
    window[:, 0] = 0.3
    report = drift_report(older, window, NAMES)
    assert of(report, "psi").reason is NoData.CONSTANT
    assert broken(report) == {"a"}


def test_a_stuck_feed_is_a_data_quality_breach(older: FloatArray) -> None:
    window = newer()
    window[-60:, 0] = window[-60, 0]
    report = drift_report(older, window, NAMES)
    assert of(report, "psi").reason is NoData.STUCK
    assert broken(report) == {"a"}
    assert report.verdict is State.BREACH


def test_a_reference_too_short_for_windows_of_its_own_still_judges() -> None:
    old = np.random.default_rng(4).standard_normal((1_000, 3))
    calm = drift_report(old, newer(), NAMES)
    assert calm.verdict is State.OK
    report = drift_report(old, newer() + 1.0, NAMES)
    assert report.verdict is State.BREACH
    evidence = of(report, "ks").evidence
    assert evidence is not None
    assert evidence.method == "kolmogorov_effective_n"


def test_slow_series_with_a_short_reference_do_not_cry_wolf() -> None:
    rng = np.random.default_rng(5)
    breaches = 0
    for _ in range(15):
        rows = lfilter([1.0], [1.0, -0.95], rng.standard_normal((1_600, 3)), axis=0)
        breaches += drift_report(rows[:1_000], rows[1_200:1_450], NAMES).verdict is State.BREACH
    assert breaches <= 1


def test_sessions_of_many_tickers_are_taken_as_such() -> None:
    rng = np.random.default_rng(6)
    old, new = rng.standard_normal((300, 20, 3)), rng.standard_normal((20, 20, 3))
    new[:, :, 1] -= 0.6
    report = drift_report(old, new, NAMES)
    assert of(report, "psi", "b").n == 400
    assert [incident.members for incident in report.incidents] == [("b",)]


def test_shapes_that_do_not_fit_are_refused(older: FloatArray) -> None:
    with pytest.raises(ValueError, match="3 features"):
        drift_report(older, newer()[:, :2], NAMES)
    with pytest.raises(ValueError, match="rows, features"):
        drift_report(older[:, 0], newer()[:, 0], NAMES)


@pytest.mark.parametrize("rows", [3_000, 400])
def test_the_share_and_the_incidents_count_the_same_features(rows: int) -> None:
    rng = np.random.default_rng(9)
    names = tuple("abcdefgh")
    by_psi_alone = 0
    for change in (0.7, 1.0, 1.4, 1.6, 1.8):
        before, after = rng.standard_normal((rows, 8)), rng.standard_normal((250, 8))
        after[:, :4] *= change  # another width: the distance moves less than the index
        report = drift_report(before, after, names)
        share = of(report, "drift_share", "features")
        members = [member for incident in report.incidents for member in incident.members]
        assert share.value == len(members) / 8
        by_psi_alone += sum(of(report, "ks", member).state is not State.BREACH for member in members)
    assert (by_psi_alone > 0) == (rows == 3_000)


def test_p_values_that_are_extrapolated_are_said_to_be(older: FloatArray) -> None:
    told = of(drift_report(older, newer(), NAMES), "drift_share", "features").detail
    assert "p-values below 1 in 12 are extrapolated" in told
    long = np.random.default_rng(3).standard_normal((3_000, 3))
    assert "extrapolated" not in of(drift_report(long, newer(25), NAMES), "drift_share", "features").detail


def test_values_near_the_greatest_float_are_judged_without_a_warning(older: FloatArray) -> None:
    report = drift_report(1e300 * older, 1e300 * newer(), NAMES)
    assert report.verdict is State.OK
    assert of(report, "psi").value == of(drift_report(older, newer(), NAMES), "psi").value


def test_missing_values_are_told_and_many_are_a_warning() -> None:
    rng = np.random.default_rng(3)
    older, newer = rng.standard_normal((3_000, 2)), rng.standard_normal((250, 2))
    newer[:75, 0] = np.nan
    newer[:5, 1] = np.nan
    report = drift_report(older, newer, ("a", "b"))
    missing = {r.subject: (r.value, r.state) for r in report.readings if r.metric == "missing"}
    assert missing == {"a": (0.3, State.WARN), "b": (0.02, State.OK)}
    assert report.verdict is State.WARN


def test_values_near_the_greatest_float_are_infinite_and_warn_nobody() -> None:
    values = np.where(np.random.default_rng(3).random((300, 1)) < 0.5, 1e308, -1e308)
    report = drift_report(values, values, ("a",))
    far = next(r for r in report.readings if r.metric == "wasserstein")
    assert far.reason is NoData.INFINITE
