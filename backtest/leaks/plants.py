"""Planted leaks: mistakes that people make, each of which the suite must find.

They are written as they are met, in pandas and by hand, and differ from honest code by a word or two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from backtest.leaks.payoff import Payoff
from backtest.leaks.planted_studies import (
    forgotten_purge,
    full_sample_scaler,
    shuffled_fold_tuning,
    shuffled_folds,
    target_encoding,
)
from backtest.leaks.record import Record
from backtest.leaks.result import Check
from backtest.leaks.study import Study
from backtest.leaks.subject import Subject
from forecaster.label import outcomes
from forecaster.target import Target
from market.panel import FloatArray

HORIZON: Final = 5
FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class Plant:
    """A leak that was planted on purpose.

    Attributes:
        mistake: What was done wrong, in words.
        kind: What kind of leak it is.
        caught_by: The check that is there to find it; others may find it too.
        plant: Takes the record and returns what leaks. What computes a table beforehand does so here.
    """

    mistake: str
    kind: str
    caught_by: Check
    plant: Callable[[Record], Subject | Study | Payoff]


def _frame(record: Record, field: str = "adj_close") -> pd.DataFrame:
    stocks = record.stocks
    days = pd.DatetimeIndex([pd.Timestamp(day) for day in stocks.sessions])
    return pd.DataFrame(getattr(stocks, field), index=days, columns=list(stocks.tickers))


def _backfilled(record: Record) -> Subject:
    def weekly_anchor(given: Record) -> FloatArray:
        close = _frame(given)
        fridays = close[pd.DatetimeIndex(close.index).day_of_week == FRIDAY]
        return np.asarray(close / fridays.reindex(close.index).bfill() - 1.0)

    return Subject("distance_to_weekly_close", weekly_anchor)


def _centred(record: Record) -> Subject:
    def smoothed(given: Record) -> FloatArray:
        close = _frame(given)
        return (close / close.rolling(21, center=True).mean() - 1.0).to_numpy()

    return Subject("smoothed_trend", smoothed)


def _full_sample_z(record: Record) -> Subject:
    def z_volume(given: Record) -> FloatArray:
        volume = np.log1p(_frame(given, "volume"))
        return np.asarray((volume - volume.mean()) / volume.std())

    return Subject("volume_z", z_volume)


def _next_open(record: Record) -> Subject:
    def gap(given: Record) -> FloatArray:
        return (_frame(given, "open").shift(-1) / _frame(given, "close") - 1.0).to_numpy()

    return Subject("overnight_gap", gap)


def _late_series(record: Record) -> Subject:
    def with_late(given: Record) -> FloatArray:
        name = next(ticker for ticker in given.panel.tickers if ticker in given.late)
        late = pd.Series(given.panel.columns((name,)).adj_close[:, 0], index=_frame(given).index)
        change = late.ffill().pct_change(fill_method=None).clip(-0.5, 0.5)
        return (_frame(given).pct_change(fill_method=None).sub(change, axis=0)).to_numpy()

    return Subject("return_above_bitcoin", with_late)


def _label_in_feature(record: Record) -> Subject:
    def last_trade(given: Record) -> FloatArray:
        opens = _frame(given, "open")
        realised = opens.shift(-1 - HORIZON) / opens.shift(-1) - 1.0
        return realised.rolling(3, min_periods=1).mean().to_numpy()

    return Subject("recent_trade_return", last_trade)


def _unresolved(record: Record) -> Subject:
    def hit_rate(given: Record) -> FloatArray:
        came, _ = outcomes(given.panel, given.universe, HORIZON, Target.RELATIVE)
        return pd.DataFrame(came).rolling(20, min_periods=5).mean().to_numpy()

    return Subject("hit_rate_20", hit_rate)


def _whole_history_percentile(record: Record) -> Subject:
    def percentile(given: Record) -> FloatArray:
        return (_frame(given).pct_change(21, fill_method=None).rank(pct=True)).to_numpy()

    return Subject("momentum_percentile", percentile)


def _future_split(record: Record) -> Subject:
    def price_level(given: Record) -> FloatArray:
        return np.asarray(np.log10(_frame(given, "close")))

    return Subject("log_price", price_level)


def _survivors(record: Record) -> Subject:
    def among_survivors(given: Record) -> FloatArray:
        last = max(spell.end or spell.start for spell in given.membership.spells)
        members = given.membership.members(max(last, given.panel.sessions[-1]))
        momentum = _frame(given).pct_change(63, fill_method=None)
        momentum.loc[:, ~momentum.columns.isin(members)] = np.nan
        return momentum.rank(axis=1).to_numpy()

    return Subject("rank_among_members", among_survivors)


def _revised(record: Record) -> Subject:
    def reported(given: Record) -> FloatArray:
        rows = pd.DataFrame(given.reports, columns=["ticker", "event", "known", "value"])
        newest = rows.sort_values("known").groupby(["event", "ticker"])["value"].last().unstack()
        newest.index = pd.DatetimeIndex([stamp.replace(tzinfo=None).normalize() for stamp in newest.index])
        days = _frame(given).index
        return newest.reindex(days, method="ffill")[list(given.universe)].to_numpy()

    return Subject("reported_figure", reported)


def _recursive(record: Record) -> Subject:
    def exponential(given: Record) -> FloatArray:
        close = _frame(given)
        return (close / close.ewm(span=26, adjust=False).mean() - 1.0).to_numpy()

    return Subject("distance_to_ewm_26", exponential, lookbacks=(26,))


def _vendor_table(record: Record) -> Subject:
    weekly = _frame(record).resample("W-FRI", label="left").last().pct_change(fill_method=None)
    table = weekly.reindex(_frame(record).index, method="ffill")

    def looked_up(given: Record) -> FloatArray:
        return table.reindex(_frame(given).index).to_numpy()

    return Subject("vendor_weekly_score", looked_up)


def _deciding_close(record: Record) -> Payoff:
    def from_close(given: Record, t: int) -> FloatArray:
        close = given.stocks.adj_close
        return np.asarray(close[t + HORIZON] / close[t] - 1.0)

    return Payoff("return_from_deciding_close", from_close, HORIZON)


PLANTS: Final = (
    Plant("a weekly close is filled backwards (bfill)", "backfill", Check.TRUNCATION, _backfilled),
    Plant("a rolling mean is centred", "centred window", Check.TRUNCATION, _centred),
    Plant(
        "a z-score takes mean and spread of the whole sample", "normalisation", Check.POISON, _full_sample_z
    ),
    Plant("the gap to the next open is a feature of today", "next bar", Check.TRUNCATION, _next_open),
    Plant("bitcoin's close at midnight is used at 16:00", "late series", Check.KNOWN_AT, _late_series),
    Plant(
        "the trade's own return is merged on its decision day", "label", Check.TRUNCATION, _label_in_feature
    ),
    Plant("a percentile ranks over the whole history", "ranking", Check.POISON, _whole_history_percentile),
    Plant("a price level is read off split-adjusted prices", "later split", Check.RESTATED, _future_split),
    Plant("only those who are members today are ranked", "survivors", Check.MEMBERSHIP, _survivors),
    Plant("a fit reads outcomes that are still open", "no purge", Check.OUTCOMES, forgotten_purge),
    Plant("a penalty is tuned on shuffled folds", "tuning", Check.OUTCOMES, shuffled_fold_tuning),
    Plant("a revised figure stands where the first one was known", "revision", Check.KNOWN_AT, _revised),
    Plant("scores come from shuffled folds", "shuffled folds", Check.FOLDS, shuffled_folds),
    Plant("a scaler is fitted on all rows", "scaler", Check.OUTCOMES, full_sample_scaler),
    Plant(
        "tickers are encoded by their mean outcome", "target encoding", Check.LABEL_SHUFFLE, target_encoding
    ),
    Plant("a hit rate counts trades that are still open", "open trades", Check.TRUNCATION, _unresolved),
    Plant("a vendor's weeks are stamped with their first day", "week label", Check.EXECUTION, _vendor_table),
    Plant("orders fill at the close that decides them", "execution", Check.EARLIER_BARS, _deciding_close),
    Plant("a recursive mean claims a lookback of 26", "start-up", Check.START_UP, _recursive),
)
"""Every planted leak."""
