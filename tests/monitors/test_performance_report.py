from __future__ import annotations

import numpy as np
import pytest

from monitors.performance_report import performance_report
from monitors.reading import NoData, Reading, State
from monitors.report import PerformanceReport
from monitors.settings import WatchSettings


def of(report: PerformanceReport, metric: str) -> Reading:
    return next(r for r in report.readings if r.metric == metric)


def test_an_earning_series_is_ok_and_every_number_is_there() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 600)
    report = performance_report(returns)
    assert report.verdict is State.OK
    assert [r.metric for r in report.readings] == [
        "expectancy",
        "hit_rate",
        "profit_factor",
        "sharpe",
        "drawdown",
        "win_rate_last_20",
        "sharpe_rolling",
        "win_rate_evidence",
    ]
    assert of(report, "expectancy").value == pytest.approx(returns.mean())
    assert of(report, "sharpe").value == pytest.approx(returns.mean() / returns.std(ddof=1))
    for metric in ("expectancy", "hit_rate", "profit_factor", "sharpe"):
        assert "at all times" in of(report, metric).detail


def test_a_losing_series_is_a_breach() -> None:
    report = performance_report(np.random.default_rng(2).normal(-0.004, 0.01, 500))
    assert of(report, "expectancy").state is State.BREACH
    assert report.verdict is State.BREACH


def test_a_series_that_wins_less_often_than_it_did_is_a_breach() -> None:
    rng = np.random.default_rng(3)
    won = np.concatenate([rng.random(150) < 0.7, rng.random(250) < 0.3])
    report = performance_report(np.where(won, 0.012, -0.005))
    assert of(report, "expectancy").state is State.OK
    assert of(report, "win_rate_evidence").state is State.BREACH
    assert report.verdict is State.BREACH


def test_a_series_that_earns_nothing_hardly_ever_is_in_breach() -> None:
    rng = np.random.default_rng(4)
    states = [performance_report(rng.normal(0.0, 0.01, 250)).verdict for _ in range(60)]
    assert states.count(State.BREACH) <= 2


def test_classic_rules_alone_decide_nothing() -> None:
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(20):
        report = performance_report(rng.normal(0.001, 0.01, 250))
        if of(report, "win_rate_last_20").state is State.BREACH:
            seen += 1
            assert report.verdict is not State.BREACH
    assert seen > 0


def test_a_short_series_is_judged_by_its_mean_alone() -> None:
    report = performance_report(np.random.default_rng(6).normal(0.001, 0.01, 60))
    assert of(report, "win_rate_evidence").state is State.NO_DATA
    assert report.verdict is State.OK


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (np.full(19, 0.01), NoData.TOO_FEW),
        (np.empty(0), NoData.TOO_FEW),
        (np.full(50, np.nan), NoData.MISSING),
        (np.append(np.linspace(-0.01, 0.01, 50), np.inf), NoData.INFINITE),
        (np.zeros(50), NoData.CONSTANT),
        (np.full(50, -0.01), NoData.CONSTANT),
        (0.001 + 1e-9 * np.random.default_rng(8).standard_normal(50), NoData.CONSTANT),
    ],
)
def test_what_cannot_be_judged_says_why(
    returns: np.ndarray[tuple[int], np.dtype[np.float64]], reason: NoData
) -> None:
    report = performance_report(returns)
    assert report.verdict is State.NO_DATA
    assert {r.reason for r in report.readings if r.metric != "missing"} == {reason}


def test_no_return_is_cut_and_no_interval_leaves_its_own_value_out() -> None:
    rng = np.random.default_rng(1)
    venture = np.where(rng.random(600) < 0.1, 1.0, -0.05) + rng.normal(0, 0.005, 600)
    mean = of(performance_report(venture), "expectancy")
    assert mean.value == pytest.approx(venture.mean())
    assert mean.state is State.OK
    assert mean.interval is not None
    assert 0 < mean.interval[0] < mean.value < mean.interval[1]
    assert "while none lies beyond -20% to +160%" in mean.detail


def test_a_negative_mean_is_never_ok() -> None:
    rng = np.random.default_rng(2)
    rare = np.where(rng.random(1_000) < 0.02, -0.7, 0.008) + rng.normal(0, 0.004, 1_000)
    report = performance_report(rare)
    assert of(report, "expectancy").value < 0
    assert of(report, "expectancy").state is of(report, "profit_factor").state is State.WARN
    assert report.verdict is State.WARN


def test_missing_rows_are_told_and_many_are_a_warning() -> None:
    returns = np.random.default_rng(12).normal(0.003, 0.01, 400)
    assert not [one for one in performance_report(returns).readings if one.metric == "missing"]
    for lost, state in ((4, State.OK), (120, State.WARN)):
        thinned = returns.copy()
        thinned[:lost] = np.nan
        report = performance_report(thinned)
        assert (of(report, "missing").value, of(report, "missing").state) == (lost / 400, state)
        assert report.verdict is state


def test_overlapping_returns_need_more_of_them() -> None:
    losing = np.random.default_rng(2).normal(-0.004, 0.01, 500)
    report = performance_report(losing, limits=WatchSettings(trade_overlap=5))
    assert of(report, "expectancy").state is State.WARN


def test_a_win_rate_that_cannot_fall_that_far_is_not_judged() -> None:
    rng = np.random.default_rng(1)
    seldom = np.where(rng.random(400) < 0.05, 0.1, -0.001) + rng.normal(0, 1e-4, 400)
    reading = of(performance_report(seldom), "win_rate_last_20")
    assert reading.reason is NoData.NOT_EVALUATED


@pytest.mark.parametrize("place", [0, 100, 299])
def test_a_return_of_minus_everything_is_a_breach_wherever_it_stands(place: int) -> None:
    returns = np.random.default_rng(9).normal(0.005, 0.01, 300)
    returns[place] = -1.0
    report = performance_report(returns)
    assert of(report, "drawdown").value == 1.0
    assert of(report, "drawdown").state is State.BREACH
    assert report.verdict is State.BREACH


def test_returns_too_great_to_compound_leave_the_drawdown_known() -> None:
    returns = np.random.default_rng(10).normal(0.001, 0.01, 300)
    returns[100:150] = 1e9
    returns[200] = -0.5
    assert of(performance_report(returns), "drawdown").value == pytest.approx(0.5, abs=0.1)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a return of -1.5: more than everything"):
        performance_report(np.array([0.01, -1.5]))
    with pytest.raises(ValueError, match="one column"):
        performance_report(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="must be positive"):
        performance_report(np.zeros(50), bound=0.0)
