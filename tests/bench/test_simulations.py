"""Every simulation, small, held to exact binomial intervals at 99.99 %: a broken kernel leaves them."""

from __future__ import annotations

import numpy as np
import pytest

from bench import false_alarms, footprint
from bench.finding import Finding, Outcome
from bench.laws import Law
from bench.share import Share
from bench.simulations import (
    bad_tick,
    budget,
    calibration,
    detectable,
    domain,
    intervals,
    pages,
    pooled,
    real_forecasts,
    real_prices,
    references,
    stream,
    win_rate,
)
from monitors.arrays import BoolArray


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.mark.parametrize("law", list(Law))
def test_the_drift_budget_is_kept_under_every_law(law: Law) -> None:
    flagged = budget.measure(law, 20)
    assert flagged.psi.of == 20 * budget.WINDOWS
    for share in (flagged.psi, flagged.ks, flagged.both):
        assert share.may_be(0.0, 0.015)
    assert flagged.moved.may_be(0.99, 1.0) == (law.memory == 0)


def test_the_drift_budget_is_spent_and_not_left_lying() -> None:
    flagged = budget.measure(Law.NORMAL, 60)
    assert flagged.psi.hits + flagged.ks.hits >= 2  # of 10 expected; fewer but once in 2,000 seeds


def test_the_findings_of_the_budget_name_every_law() -> None:
    found = by_name(budget.findings(5))
    assert len(found) == 4 * len(Law)
    assert found["independent normal: moved by 0.5 sd, found"].outcome is Outcome.MET


def test_slow_features_need_a_greater_shift_and_the_rule_is_near_the_best_there_is() -> None:
    quick, slow = (detectable.least_shifts(100, memory, 300) for memory in (0.0, 0.9))
    for ours, mean, together in (quick, slow):
        assert together < ours
        assert mean - 0.05 <= ours <= 1.3 * mean
    assert slow[0] > 2.5 * quick[0]  # 100 slow rows count as five


def test_a_shift_in_the_window_of_a_fit_is_found_and_a_change_of_regime_is_no_drift() -> None:
    ours, twin = references.on_the_day_of_a_fit(10, trained=252, shift=0.8)
    assert ours.hits > twin.hits + 2
    seen = references.changes(2)
    assert seen.judged.may_be(0.3, 0.9)
    assert seen.ours.of > 0
    assert seen.ours.may_be(0.0, 0.01)
    assert seen.rolling.may_be(0.0, 0.01)
    assert seen.twin.hits > 0  # windows of two regimes


def test_a_bad_tick_moves_psi_by_less_than_a_hundredth_and_blinds_the_twin() -> None:
    found = bad_tick.findings(10)
    assert [one.outcome for one in found[:2]] == [Outcome.MET, Outcome.MET]
    before, after = (float(one.measured) for one in found[-2:])
    assert before > 0.5
    assert after < 0.1


def test_a_year_without_drift_is_quiet_and_a_common_shift_is_one_incident() -> None:
    year = pages.year(Law.NORMAL, 150, seed=1)
    assert year.told <= 2  # p-values at which every series counted by itself would give dozens
    assert year.raw <= 10
    found, others, stories = year.shifts[3.0]
    assert found == pages.MOVED
    assert others <= 4
    assert stories == 1


def test_a_page_is_told_after_three_sessions_in_a_row_and_once_while_it_lasts() -> None:
    def on(*sessions: int) -> BoolArray:
        return np.isin(np.arange(40), sessions)

    assert pages.told(on(1, 2, 5, 6)) == 0
    assert pages.told(on(1, 2, 3)) == 1
    assert pages.told(on(1, 2, 3, 7, 8, 9, 10, 11, 12, 13)) == 1
    assert pages.told(on(1, 2, 3, 20, 21, 22)) == 2
    assert pages.told(on(*range(40))) == 1


def test_the_multivariate_check_finds_a_rotation_and_keeps_its_budget() -> None:
    assert (domain.rotated_p_values(1) <= 0.01).all()
    calm = domain.calm_p_values(3)
    assert Share(int((calm <= 0.05).sum()), calm.size).may_be(0.0, 0.05)


def test_the_win_rate_alarms_as_rarely_as_promised_and_as_soon() -> None:
    calm = win_rate.run_lengths(0.55, 300, horizon=4_000, limit=500.0)
    assert calm.mean() - 4 * calm.std() / np.sqrt(calm.size) <= 2_000  # an alarm that never comes fails too
    assert calm.mean() >= 500
    for fallen, soon in ((0.45, 165), (0.40, 90)):
        delays = win_rate.run_lengths(fallen, 600, horizon=1_500, calm=200)
        late = Share(int((delays > soon).sum()), delays.size)
        assert late.may_be(0.0, 0.5)  # the median is not later


def test_the_intervals_beside_rolling_numbers_are_wrong_as_rarely_as_they_say() -> None:
    found = intervals.findings(28)
    assert len(found) == 28
    assert all(one.outcome is not Outcome.MISSED for one in found)
    assert float(found[-1].measured.split()[0]) > 20  # overlapping trades taken for independent ones


@pytest.mark.parametrize("correlation", list(pooled.GOALS))
def test_a_hundred_tickers_find_a_fall_in_time_within_their_budget(correlation: float) -> None:
    delays = pooled.delays(correlation, 0.45, 150)
    late = Share(int((delays > pooled.GOALS[correlation]).sum()), delays.size)
    assert late.may_be(0.0, 0.5)
    runs = pooled.calm_runs(correlation, 60, cut=2_000)
    alarms, sessions = (runs < 2_000).sum(), runs.sum()
    # as many alarms as at one per 800 sessions, and four standard errors
    assert alarms <= sessions / 800 + 4 * np.sqrt(sessions / 800)
    assert alarms >= sessions / 2_000 - 4 * np.sqrt(sessions / 2_000)


def test_a_detector_told_nothing_of_the_correlation_breaks_its_budget() -> None:
    rng = np.random.default_rng(8)
    naive = pooled.learnt(rng, 0.0, 0.45)
    runs = [pooled.run_length(naive, pooled.wins(rng, 0.55, 0.3, (500,))) for _ in range(50)]
    assert np.mean(runs) < 50


@pytest.mark.parametrize("law", list(calibration.LAWS))
@pytest.mark.parametrize("n", [20, 250])
def test_calibration_tests_have_their_size(law: str, n: int) -> None:
    for share in calibration.flagged(law, n, 1_500).values():
        assert share.may_be(0.04, 0.06)


def test_half_an_edge_is_found_and_a_calibrated_stream_left_alone() -> None:
    edge = calibration.flagged("0.5 to 0.75", 250, 600, edge=0.5)["edge (one-sided sum)"]
    assert edge.may_be(0.65, 0.75)
    assert calibration.streams(60).may_be(0.0, 0.01)


def test_a_stream_costs_the_same_and_takes_no_more_memory_after_many_rows() -> None:
    found = by_name(stream.findings(20_000))
    assert found["memory gained since the first block"].outcome is Outcome.MET
    ratio = float(found["time of a row, last 2,000"].measured.split()[0])
    assert ratio < 3  # 1; the rest is for a busy machine


def test_a_stored_reference_is_small_equal_and_within_its_error() -> None:
    stored = footprint.stored(4)
    assert stored.size * 15 <= 2_000_000
    assert stored.equal
    assert 0 < stored.worst <= stored.bound <= 1.01e-3


def test_importing_the_monitors_takes_under_half_a_second_beyond_numpy() -> None:
    best, median = footprint.import_s("monitors.watch", processes=1)
    assert 0 < best == median < 1.5  # 0.3; the rest is for a busy machine


def test_the_default_rules_are_measured_one_by_one() -> None:
    found = {finding.what.partition(",")[0]: finding for finding in false_alarms.findings(1)}
    assert set(false_alarms.BUDGETED) <= set(found)
    assert found["market_break"].outcome is Outcome.MET
    assert float(found["psi_above_0.2"].measured.split()[0]) > 1  # noisy, as it is known to be


@pytest.mark.usefixtures("shared_data")
def test_real_prices_alarm_in_march_2020_and_not_in_2017() -> None:
    sessions, values = real_prices.features()
    calm = [i for i, day in enumerate(sessions) if day.year == 2017][::40]
    crash = [i for i, day in enumerate(sessions) if (day.year, day.month) == (2020, 3)][-1]
    quiet = real_prices.looks(sessions, values, calm)
    assert not any(look.alarm for look in quiet)
    assert any(any(look.above.values()) for look in quiet)  # the classic rule is not as quiet
    assert real_prices.looks(sessions, values, [crash])[0].alarm


@pytest.mark.usefixtures("shared_data")
def test_real_forecasts_are_told_apart() -> None:
    found = by_name(real_forecasts.findings())
    answers = [one for one in found.values() if one.goal in {"ok", "breach"}]
    assert [one.outcome for one in answers] == [Outcome.MET] * 4
    stream = found["nba_games as a stream, looked at after every forecast: forecasts to the alarm"]
    assert stream.outcome is Outcome.MET
