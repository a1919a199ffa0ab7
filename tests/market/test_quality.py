"""Data quality: each kind of fault on a small made history, and on recorded ones where they are at hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.panel import FIELDS, FloatArray, Panel
from market.price_file import read_prices
from market.quality import Finding, Kind, Report, Told, check
from market.quality_finding import Verdict
from market.sample import SAMPLE_PATH

N = 120
DAYS = tuple(date(2024, 1, 1) + timedelta(days=i) for i in range(N))


def made(seed: int = 1, daily: float = 0.01) -> Panel:
    """An ordinary history of one ticker."""
    generator = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(generator.normal(0.0, daily, (N, 1)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(generator.normal(0.0, daily / 3, (N, 1)))
    high = np.maximum(open_, close) * (1 + np.abs(generator.normal(0.0, daily / 2, (N, 1))))
    low = np.minimum(open_, close) * (1 - np.abs(generator.normal(0.0, daily / 2, (N, 1))))
    volume = np.round(1e6 * np.exp(generator.normal(0.0, 0.2, (N, 1))))
    return Panel(DAYS, ("A",), open_, high, low, close, close, volume)


def scaled(panel: Panel, rows: slice, factor: float, *, volume: float = 1.0) -> Panel:
    fields: list[FloatArray] = []
    for name in FIELDS:
        values = getattr(panel, name).copy()
        values[rows] *= volume if name == "volume" else factor
        fields.append(values)
    return Panel(panel.sessions, panel.tickers, *fields)


def with_dividend(panel: Panel, row: int, paid: float) -> Told:
    """The history with a dividend by which the price falls, told and adjusted for."""
    share = paid / float(panel.close[row - 1, 0])
    fallen = scaled(panel, slice(row, None), 1.0 - share)
    factor = np.ones((N, 1))
    factor[:row] = 1.0 - share
    dividends = np.zeros((N, 1))
    dividends[row] = paid
    return Told(replace(fallen, adj_close=fallen.close * factor), dividends)


def kinds(report: Report) -> list[tuple[Kind, tuple[date, ...]]]:
    return [(one.kind, one.sessions) for one in report.findings]


def only(told: Told) -> Finding:
    (one,) = check(told).findings
    return one


def test_an_ordinary_history_has_no_finding_and_every_bar_is_ok() -> None:
    report = check(Told(made()))
    assert report.findings == ()
    assert report.verdict(0, 0) is Verdict.OK


def test_the_shipped_sample_has_no_finding_but_what_is_known() -> None:
    assert [str(one)[:60] for one in check(Told(read_prices(SAMPLE_PATH))).findings] == []


def test_a_hole_and_an_absent_session_are_missing_and_quarantine_nothing() -> None:
    close = made().close.copy()
    close[10] = math.nan
    panel = replace(made(), close=close)
    gone = Panel(DAYS[:20] + DAYS[21:], ("A",), *(np.delete(getattr(panel, name), 20, 0) for name in FIELDS))
    report = check(Told(gone), expected=DAYS)
    assert kinds(report) == [(Kind.MISSING, (DAYS[10], DAYS[20]))]
    assert not report.quarantined.any()


def test_a_bar_of_a_session_that_has_not_closed_is_of_the_future() -> None:
    report = check(Told(made()), newest_closed=DAYS[-2])
    assert kinds(report) == [(Kind.FUTURE, (DAYS[-1],))]
    assert report.verdict(N - 1, 0) is Verdict.QUARANTINED
    assert report.quarantined.sum() == 1


@pytest.mark.parametrize(("name", "factor"), [("close", 1.2), ("open", 0.8), ("high", 0.5)])
def test_prices_that_contradict_each_other_are_named(name: str, factor: float) -> None:
    values = getattr(made(), name).copy()
    values[50] *= factor
    report = check(Told(replace(made(), **{name: values})))
    assert (Kind.OUTSIDE, (DAYS[50],)) in kinds(report)
    assert report.quarantined[50, 0]


def test_a_price_at_the_high_up_to_rounding_is_inside() -> None:
    close = made().close.copy()
    close[50] = made().high[50] * (1 + 1e-7)
    assert check(Told(replace(made(), close=close, adj_close=close))).findings == ()


def test_a_bar_without_volume_is_a_fault_only_where_the_ticker_trades() -> None:
    volume = made().volume.copy()
    volume[40] = 0.0
    assert only(Told(replace(made(), volume=volume))).kind is Kind.NO_VOLUME
    volume[::4] = 0.0
    assert check(Told(replace(made(), volume=volume))).findings == ()


def test_five_bars_with_the_same_prices_are_stale_and_four_are_not() -> None:
    def held(until: int) -> Panel:
        fields = [getattr(made(), name).copy() for name in FIELDS[:-1]]
        for values in fields:
            values[60:until] = values[60]
        return Panel(DAYS, ("A",), *[*fields, made().volume])

    assert (only(Told(held(65))).kind, only(Told(held(65))).sessions) == (Kind.STALE, DAYS[61:65])
    assert check(Told(held(64))).findings == ()


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_one_bar_in_another_unit_is_named_with_the_factor_that_mends_it(factor: float) -> None:
    one = only(Told(scaled(made(), slice(70, 71), factor)))
    assert (one.kind, one.sessions) == (Kind.UNIT, (DAYS[70],))
    assert one.repair == f"multiply the prices by {1 / factor:.6g}"


def test_the_newest_unit_is_taken_as_the_right_one_once_it_has_lasted_five_bars() -> None:
    assert only(Told(scaled(made(), slice(0, N - 5), 100.0))).sessions == DAYS[: N - 5]
    assert only(Told(scaled(made(), slice(0, N - 4), 100.0))).sessions == DAYS[N - 4 :]


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10.0, 0.1])
def test_a_split_that_nobody_tells_is_found_where_range_and_volume_are_ordinary(ratio: float) -> None:
    one = only(Told(scaled(made(), slice(0, 80), ratio, volume=1 / ratio)))
    assert (one.kind, one.sessions) == (Kind.SPLIT, DAYS[:80])


def test_a_crash_of_the_same_size_is_no_split() -> None:
    panel = scaled(made(), slice(80, None), 0.5)
    low, volume = panel.low.copy(), panel.volume.copy()
    low[80] *= 0.7
    volume[80] *= 12
    assert check(Told(replace(panel, low=low, volume=volume))).findings == ()
    assert only(Told(panel)).kind is Kind.SPLIT


def test_a_told_split_explains_an_odd_ratio_some_days_off_and_one_bar_that_was_left_out() -> None:
    splits = np.zeros((N, 1))
    splits[86] = 0.44
    assert only(Told(scaled(made(), slice(0, 80), 0.44), None, splits)).sessions == DAYS[:80]
    splits[86] = 0.0001
    one = only(Told(scaled(made(), slice(82, 83), 0.0001, volume=10_000.0), None, splits))
    assert (one.kind, one.sessions) == (Kind.SPLIT, (DAYS[82],))


def test_a_fall_that_a_told_dividend_explains_is_no_split() -> None:
    told = with_dividend(made(), 80, 0.34 * float(made().close[79, 0]))
    assert check(told).findings == ()


def test_a_dividend_that_is_told_and_adjusted_for_is_no_fault() -> None:
    assert check(with_dividend(made(), 60, 1.0)).findings == ()


def test_a_dividend_told_a_hundred_times_too_large_is_named() -> None:
    told = with_dividend(made(), 60, 0.4)
    assert told.dividends is not None
    one = only(Told(told.panel, told.dividends * 100.0))
    assert (one.kind, one.sessions) == (Kind.DIVIDEND_AMOUNT, (DAYS[60],))
    assert one.repair.startswith("take 0.01 times")


def test_a_dividend_that_adj_close_leaves_out_is_named_with_the_factor_that_mends_it() -> None:
    told = with_dividend(made(), 60, 2.0)
    one = only(Told(replace(told.panel, adj_close=told.panel.close), told.dividends))
    assert one.kind is Kind.DIVIDEND_NOT_ADJUSTED
    ratio = float((told.panel.adj_close / told.panel.close)[0, 0])
    assert float(one.repair.rsplit(" ", 1)[1]) == pytest.approx(ratio, rel=1e-5)


def test_a_dividend_told_twice_while_the_price_fell_once_is_named() -> None:
    told = with_dividend(made(), 60, 4.0)
    assert told.dividends is not None
    dividends = told.dividends.copy()
    dividends[61] = 4.0
    again = told.panel.adj_close.copy()
    again[:61] *= 1.0 - 4.0 / float(told.panel.close[60, 0])
    one = only(Told(replace(told.panel, adj_close=again), dividends))
    assert (one.kind, one.sessions) == (Kind.DIVIDEND_DOUBLED, (DAYS[61],))


def test_without_told_dividends_a_step_that_the_price_does_not_show_is_named() -> None:
    adjusted = made().close.copy()
    adjusted[:60] *= 0.7
    assert only(Told(replace(made(), adj_close=adjusted))).kind is Kind.DIVIDEND_AMOUNT
    backwards = made().close.copy()
    backwards[:60] *= 1.02
    assert only(Told(replace(made(), adj_close=backwards))).kind is Kind.DIVIDEND_AMOUNT


def test_a_finding_reads_as_a_sentence() -> None:
    text = str(only(Told(scaled(made(), slice(70, 72), 100.0))))
    assert text.startswith("A 2024-03-11 to 2024-03-12 (2 sessions): unit_100x: the price moved by ")
    assert text.endswith("multiply the prices by 0.01")


def test_odd_histories_are_no_accident() -> None:
    one = made().rows(0, 1)
    unknown = Panel(DAYS, ("A",), *(np.full((N, 1), np.nan) for _ in FIELDS))
    flat = Panel(DAYS, ("A",), *(np.full((N, 1), 5.0) for _ in FIELDS))
    zero = replace(made(), close=np.zeros((N, 1)))
    assert check(Told(one)).findings == ()
    assert check(Told(unknown)).findings == ()
    assert [kind for kind, _ in kinds(check(Told(flat)))] == [Kind.STALE]
    assert {kind for kind, _ in kinds(check(Told(zero)))} == {Kind.OUTSIDE}
    assert check(Told(made().rows(0, 0))).findings == ()


def test_events_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"splits have shape \(3, 1\), the bars \(120, 1\)"):
        Told(made(), None, np.zeros((3, 1)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.floats(0.003, 0.03))
def test_no_ordinary_history_is_blamed_for_a_unit_a_split_or_a_dividend(seed: int, daily: float) -> None:
    blamed = {kind for kind, _ in kinds(check(Told(made(seed, daily))))}
    assert not blamed & {Kind.UNIT, Kind.SPLIT, Kind.DIVIDEND_AMOUNT}


def test_real_prices_have_their_known_faults_and_no_others(shared_data: Path) -> None:
    found = check(Told(read_prices(shared_data / "daily" / "us_stocks_daily.parquet"))).findings
    assert [(one.ticker, str(one.sessions[0]), one.kind) for one in found] == [
        ("AMD", "2015-01-02", Kind.NO_VOLUME),
        ("CCI", "2020-07-31", Kind.NO_VOLUME),
        ("CNC", "2020-02-26", Kind.NO_VOLUME),
        ("HUBB", "2017-09-01", Kind.NO_VOLUME),
        ("HUBB", "2021-05-05", Kind.OUTSIDE),
    ]


def test_a_company_that_really_failed_is_not_repaired(shared_data: Path) -> None:
    found = check(Told(read_prices(shared_data / "daily" / "sivb_collapse_daily.csv"))).findings
    assert [(one.kind, str(one.sessions[0])) for one in found] == [(Kind.NO_VOLUME, "2023-03-10")]
