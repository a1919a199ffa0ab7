from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from monitors.arrays import FloatArray
from monitors.calibration_report import calibration_report
from monitors.calibration_tests import two_sided
from monitors.reading import NoData, Reading, State
from monitors.report import CalibrationReport

Games = dict[str, tuple[FloatArray, FloatArray]]


def of(report: CalibrationReport, metric: str, subject: str = "all") -> Reading:
    return next(r for r in report.readings if (r.metric, r.subject) == (metric, subject))


@pytest.fixture(scope="module")
def games(shared_data: Path) -> Games:
    """Forecasts of games by FiveThirtyEight, by league, in the order of the file."""
    columns: dict[str, tuple[list[float], list[float]]] = {}
    with gzip.open(shared_data / "forecasts" / "538_games_prob_outcome.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            stated, came = columns.setdefault(row["dataset"], ([], []))
            stated.append(float(row["prob"]))
            came.append(float(row["outcome"]))
    return {name: (np.array(stated), np.array(came)) for name, (stated, came) in columns.items()}


def test_baseball_forecasts_are_ok(games: Games) -> None:
    report = calibration_report(*games["mlb_games"])
    assert report.verdict is State.OK
    assert of(report, "brier").n == 15_748
    assert of(report, "spiegelhalter_z").value == pytest.approx(-1.51, abs=0.005)
    assert of(report, "sum_z").value == pytest.approx(0.41, abs=0.005)
    assert all(part.consistent for part in report.bins[1:9])


def test_basketball_forecasts_are_a_breach_and_are_caught_within_2000_games(games: Games) -> None:
    report = calibration_report(*games["nba_games"])
    assert report.verdict is State.BREACH
    assert of(report, "spiegelhalter_z").value == pytest.approx(9.38, abs=0.005)
    assert of(report, "sum_z").value == pytest.approx(-10.07, abs=0.005)
    evidence = of(report, "calibration_evidence")
    assert evidence.state is State.BREACH
    assert "alarm at the 1,5" in evidence.detail


def test_the_calibration_error_is_debiased_and_told_beside_its_own_band() -> None:
    rng = np.random.default_rng(8)
    values, raw, unlikely = [], [], 0
    for _ in range(100):
        stated = rng.uniform(0.3, 0.7, 250)
        reading = of(calibration_report(stated, (rng.random(250) < stated).astype(float)), "ece")
        values.append(reading.value)
        raw.append(float(reading.detail.split("raw ")[1].split(")")[0]))
        assert reading.evidence is not None
        assert reading.evidence.p_value is not None
        unlikely += reading.evidence.p_value <= 0.05
    assert np.mean(raw) > 0.07  # what chance alone puts there
    assert np.mean(values) < 0.65 * np.mean(raw)
    assert 1 <= unlikely <= 11
    came = (rng.random(4_000) < 0.6).astype(float)
    wrong = of(calibration_report(np.full(4_000, 0.7), came), "ece")
    assert wrong.value == pytest.approx(abs(float(came.mean()) - 0.7), abs=0.002)


def test_the_order_of_rows_with_equal_probabilities_changes_no_reading() -> None:
    rng = np.random.default_rng(9)
    stated = rng.choice([0.4, 0.5, 0.55, 0.6], 600)
    came = (rng.random(600) < stated).astype(float)
    by_outcome = np.argsort(came, kind="stable")
    mixed, ordered = (
        of(calibration_report(stated[at], came[at]), "ece") for at in (np.arange(600), by_outcome)
    )
    assert mixed.value == pytest.approx(ordered.value, abs=1e-12)
    assert mixed.detail == ordered.detail


def test_a_common_shock_of_each_day_is_no_calibration_error() -> None:
    rng = np.random.default_rng(10)
    found = {True: 0, False: 0}
    for _ in range(40):
        day = np.repeat(np.arange(40), 60)
        stated = rng.uniform(0.45, 0.55, 2_400)
        shock = np.repeat(rng.normal(0, 0.25, 40), 60)
        came = (rng.random(2_400) < np.clip(stated + shock, 0, 1)).astype(float)
        for known in found:
            evidence = of(calibration_report(stated, came, day if known else None), "ece").evidence
            assert evidence is not None
            assert evidence.p_value is not None
            found[known] += evidence.p_value <= 0.01
    assert found[True] <= 3
    assert found[False] >= 8


def test_without_miscalibration_one_file_in_a_hundred_is_in_breach() -> None:
    rng = np.random.default_rng(1)
    breaches = 0
    for _ in range(200):
        stated = rng.uniform(0.3, 0.7, 120)
        came = (rng.random(120) < stated).astype(float)
        breaches += calibration_report(stated, came).verdict is State.BREACH
    assert breaches / 200 <= 0.03


def test_forecasts_of_one_time_may_depend_on_each_other() -> None:
    rng = np.random.default_rng(2)
    wrong = {True: 0, False: 0}
    for _ in range(40):
        time = np.repeat(np.arange(60), 20)
        shock = np.repeat(rng.normal(0, 0.25, 60), 20)
        stated = rng.uniform(0.45, 0.55, 1_200)
        came = (rng.random(1_200) < np.clip(stated + shock, 0, 1)).astype(float)
        for known in wrong:
            report = calibration_report(stated, came, time if known else None)
            wrong[known] += report.verdict is State.BREACH
    assert wrong[True] <= 3
    assert wrong[False] > 15


def test_times_are_put_in_order_first() -> None:
    rng = np.random.default_rng(3)
    stated = rng.random(300)
    came = (rng.random(300) < stated).astype(float)
    days = np.array([f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(300)])
    mixed = rng.permutation(300)
    in_order, shuffled = (
        calibration_report(stated[at], came[at], days[at]) for at in (np.arange(300), mixed)
    )
    assert of(shuffled, "calibration_evidence") == of(in_order, "calibration_evidence")


def test_groups_are_judged_with_a_false_discovery_rate() -> None:
    rng = np.random.default_rng(4)
    stated = rng.uniform(0.3, 0.7, 4_000)
    group = np.array(["bad", "good", "fine", "few"])[np.minimum(np.arange(4_000) % 250, 3)]
    group[:3_900] = np.array(["bad", "good", "fine"])[np.arange(3_900) % 3]
    came = (rng.random(4_000) < stated - 0.15 * (group == "bad")).astype(float)
    group[-10:] = "few"
    report = calibration_report(stated, came, group=group)
    states = {r.subject: r.state for r in report.readings if r.metric == "sum_z" and r.subject != "all"}
    assert states["bad"] is State.BREACH
    assert states["good"] is State.OK
    assert report.verdict is State.BREACH


def test_a_group_of_few_is_not_judged_and_does_not_spoil_the_rest() -> None:
    rng = np.random.default_rng(5)
    stated = rng.uniform(0.3, 0.7, 500)
    came = (rng.random(500) < stated).astype(float)
    report = calibration_report(stated, came, group=np.arange(500) // 495)
    assert of(report, "sum_z", "1").reason is NoData.TOO_FEW
    assert report.verdict is State.OK


def test_too_few_or_mostly_unknown_is_not_judged() -> None:
    few = calibration_report(np.full(19, 0.5), np.ones(19))
    assert few.verdict is State.NO_DATA
    assert {r.reason for r in few.readings} == {NoData.TOO_FEW}
    unknown = calibration_report(np.full(100, 0.5), np.where(np.arange(100) < 40, 1.0, np.nan))
    assert {r.reason for r in unknown.readings if r.metric != "missing"} == {NoData.MISSING}
    assert of(unknown, "missing").value == 0.6


def test_an_outcome_that_is_always_the_same_has_no_skill_to_measure() -> None:
    report = calibration_report(np.full(50, 0.99), np.ones(50))
    assert of(report, "brier_skill").reason is NoData.CONSTANT
    assert report.verdict is State.OK


def test_columns_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="2 probabilities lie outside"):
        calibration_report(np.array([0.5, 1.5, -np.inf]), np.ones(3))
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        calibration_report(np.full(3, 0.5), np.array([0.0, 1.0, 0.5]))
    with pytest.raises(ValueError, match="pair up"):
        calibration_report(np.full(3, 0.5), np.ones(2))


def shocked_days(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Calibrated forecasts, 20 a day for 60 days, whose outcomes share the day's shock; two groups."""
    stated = rng.uniform(0.45, 0.55, (60, 20))
    draw = np.where(rng.random((60, 20)) < 0.6, rng.random((60, 1)), rng.random((60, 20)))
    day, group = np.repeat(np.arange(60.0), 20), np.tile(np.arange(20.0) % 2, 60)
    return stated.ravel(), (draw < stated).astype(float).ravel(), day, group


def test_a_common_shock_of_each_day_breaches_no_group() -> None:
    rng, wrong = np.random.default_rng(12), {True: 0, False: 0}
    for _ in range(60):
        stated, came, day, group = shocked_days(rng)
        for known in wrong:
            report = calibration_report(stated, came, day if known else None, group)
            wrong[known] += any(r.state is State.BREACH for r in report.readings if r.subject != "all")
    assert wrong[True] <= 4
    assert wrong[False] >= 12


def test_the_p_of_a_group_belongs_to_its_value() -> None:
    rng = np.random.default_rng(13)
    stated = rng.uniform(0.1, 0.9, 4_000)
    came = (rng.random(4_000) < 0.5).astype(float)
    report = calibration_report(stated, came, group=np.arange(4_000) % 2)
    rows = [r for r in report.readings if r.subject in {"0", "1"} and r.metric != "calibration_gap"]
    assert [r.metric for r in rows] == ["sum_z", "spiegelhalter_z"] * 2
    for row in rows:
        assert row.evidence is not None
        assert row.evidence.p_value == pytest.approx(two_sided(row.value), rel=1e-9)


def test_a_group_of_few_times_is_not_judged_and_an_empty_label_has_a_name() -> None:
    rng = np.random.default_rng(14)
    stated, came, day, _ = shocked_days(rng)
    report = calibration_report(stated, came, day, np.where(day < 10, "early", ""))
    assert of(report, "sum_z", "early").reason is NoData.TOO_FEW
    # fifty days whose forecasts share a shock cannot show that a gap is small
    assert of(report, "calibration_gap", "(empty)").reason is NoData.TOO_FEW
    alone = calibration_report(stated, came, None, np.where(day < 10, "early", ""))
    assert of(alone, "calibration_gap", "(empty)").state is not State.NO_DATA


def test_a_group_too_small_to_be_called_calibrated_never_reads_ok_and_spoils_no_verdict() -> None:
    rng = np.random.default_rng(15)
    stated = rng.uniform(0.3, 0.7, 3_000)
    came = (rng.random(3_000) < stated).astype(float)
    group = np.where(np.arange(3_000) < 60, "small", "large")
    report = calibration_report(stated, came, group=group)
    small = [one for one in report.readings if one.subject == "small"]
    assert {one.metric for one in small} == {"sum_z", "spiegelhalter_z", "calibration_gap"}
    assert {one.reason for one in small} == {NoData.TOO_FEW}
    assert of(report, "sum_z", "large").state is of(report, "calibration_gap", "large").state is State.OK
    assert report.verdict is State.OK


def test_groups_that_are_wrong_in_opposite_ways_are_found_together() -> None:
    rng = np.random.default_rng(16)
    stated = rng.uniform(0.4, 0.6, 3_000)
    turn = np.where(np.arange(3_000) % 2, 0.12, -0.12)
    came = (rng.random(3_000) < stated + turn).astype(float)
    report = calibration_report(stated, came, group=np.arange(3_000) % 2)
    assert of(report, "calibration_evidence", "all").state is State.OK
    assert of(report, "calibration_evidence", "groups").state is State.BREACH
    for label in ("0", "1"):
        assert of(report, "calibration_gap", label).state is State.BREACH
        assert of(report, "calibration_gap", label).value == pytest.approx(0.12, abs=0.03)


def test_the_bet_over_groups_hardly_ever_fires_when_all_are_calibrated() -> None:
    rng = np.random.default_rng(17)
    fired = 0
    for _ in range(60):
        stated = rng.uniform(0.2, 0.8, 400)
        report = calibration_report(
            stated, (rng.random(400) < stated).astype(float), group=np.arange(400) % 5
        )
        fired += of(report, "calibration_evidence", "groups").state is State.BREACH
    assert fired <= 2


@pytest.mark.parametrize("times", [5, 19])
def test_few_times_whose_forecasts_depend_on_each_other_cannot_be_judged(times: int) -> None:
    rng = np.random.default_rng(5)
    stated = rng.uniform(0.35, 0.65, times * 100)
    came = (rng.random(stated.size) < 0.5).astype(float)
    report = calibration_report(stated, came, np.repeat(np.arange(times), 100))
    assert report.verdict is State.NO_DATA
    assert {r.reason for r in report.readings} == {NoData.TOO_FEW}
    assert f"{times} of 20 times" in report.readings[0].detail


def overlapping(rng: np.random.Generator, times: int, spans: int) -> tuple[np.ndarray, np.ndarray]:
    """Timid forecasts of whether a sum over the next days is positive."""
    steps = rng.standard_normal(times + spans - 1)
    return np.full(times, 0.5), (np.convolve(steps, np.ones(spans), "valid") > 0).astype(float)


def test_overlapping_outcomes_raise_no_alarm_where_their_overlap_is_stated() -> None:
    rng = np.random.default_rng(6)
    wrong = {1: 0, 10: 0}
    for _ in range(60):
        stated, came = overlapping(rng, 300, 10)
        for overlap in wrong:
            wrong[overlap] += calibration_report(stated, came, overlap=overlap).verdict is State.BREACH
    assert wrong[10] <= 3
    assert wrong[1] >= 15


def test_an_edge_that_is_not_there_is_found_although_outcomes_overlap() -> None:
    stated, came = overlapping(np.random.default_rng(7), 3_000, 5)
    report = calibration_report(stated + 0.2, came, overlap=5)
    assert report.verdict is State.BREACH
    assert of(report, "sum_z").evidence is not None


def test_an_overlap_of_which_too_few_fit_side_by_side_cannot_be_judged() -> None:
    stated, came = overlapping(np.random.default_rng(8), 99, 20)
    assert calibration_report(stated, came, overlap=20).verdict is State.NO_DATA
    with pytest.raises(ValueError, match="overlap is 0: at least 1"):
        calibration_report(stated, came, overlap=0)


def test_a_bad_group_is_not_hidden_by_good_ones() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        label = np.repeat(np.arange(6), [3_000] * 5 + [300])
        stated = np.full(label.size, 0.6)
        came = (rng.random(label.size) < stated - 0.12 * (label == 5)).astype(float)
        gap = of(calibration_report(stated, came, group=label), "calibration_gap", "5")
        assert gap.state is not State.OK
        if gap.interval is not None and gap.interval[0] > 0:
            assert gap.state in {State.WARN, State.BREACH}
