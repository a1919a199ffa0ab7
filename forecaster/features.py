"""The features: each reduces the newest bars of a ticker to one number.

A feature is a function of the last `lookback` sessions and of nothing else. It cannot look ahead, because
the future is not in its window, and it has no warm-up beyond its lookback, because it keeps no state.
A missing or impossible input (NaN, a zero price) yields NaN, never zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecaster.window import Window
from market.panel import FloatArray

SESSIONS_PER_YEAR: Final = 252

ROUNDING: Final = 1e-10
"""A spread below this share of the level is rounding, not movement."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One registered feature.

    Attributes:
        name: Its column name.
        lookback: How many sessions it reads, the newest included.
        formula: What it computes, in one line.
        source: Where the definition comes from.
        compute: Takes a window of exactly `lookback` sessions, returns shape (tickers,).
    """

    name: str
    lookback: int
    formula: str
    source: str
    compute: Callable[[Window], FloatArray]


def feature_matrix(window: Window) -> FloatArray:
    """Compute every registered feature for the newest session of the window.

    Returns:
        Shape (tickers, features), columns in the order of `FEATURE_NAMES`; NaN where the window is
        shorter than the feature's lookback or an input is missing.
    """
    out = np.full((window.close.shape[0], len(FEATURES)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for column, feature in enumerate(FEATURES):
            if window.sessions >= feature.lookback:
                out[:, column] = feature.compute(window.last(feature.lookback))
    out[~np.isfinite(out)] = np.nan
    return out


def _log_returns(close: FloatArray) -> FloatArray:
    return np.diff(np.log(close), axis=-1)


def _span_return(w: Window) -> FloatArray:
    return np.asarray(w.close[:, -1] / w.close[:, 0] - 1.0)


def _momentum_skip_month(w: Window) -> FloatArray:
    return np.asarray(w.close[:, -22] / w.close[:, 0] - 1.0)


def _overnight(w: Window) -> FloatArray:
    return np.asarray(np.log(w.open[:, 1:] / w.close[:, :-1]).mean(axis=-1))


def _volatility(w: Window) -> FloatArray:
    return np.asarray(_log_returns(w.close).std(axis=-1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR))


def _volatility_ratio(w: Window) -> FloatArray:
    steps = _log_returns(w.close)
    return np.asarray(np.log(steps[:, -5:].std(axis=-1, ddof=1) / steps.std(axis=-1, ddof=1)))


def _parkinson(w: Window) -> FloatArray:
    spread = np.log(w.high / w.low) ** 2
    return np.asarray(np.sqrt(spread.mean(axis=-1) / (4.0 * np.log(2.0)) * SESSIONS_PER_YEAR))


def _garman_klass(w: Window) -> FloatArray:
    spread = 0.5 * np.log(w.high / w.low) ** 2
    body = (2.0 * np.log(2.0) - 1.0) * np.log(w.close / w.open) ** 2
    return np.asarray(np.sqrt((spread - body).mean(axis=-1) * SESSIONS_PER_YEAR))


def _rsi(w: Window) -> FloatArray:
    steps = np.diff(w.close, axis=-1)
    gain = np.where(steps > 0, steps, 0.0).sum(axis=-1)
    loss = np.where(steps < 0, -steps, 0.0).sum(axis=-1)
    out = 100.0 * gain / (gain + loss)
    out[np.isnan(steps).any(axis=-1)] = np.nan
    return np.asarray(out)


def _atr(w: Window) -> FloatArray:
    before = w.close[:, :-1]
    high, low = w.high[:, 1:], w.low[:, 1:]
    true_range = np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))
    return np.asarray(true_range.mean(axis=-1) / w.close[:, -1])


def _bollinger(w: Window) -> FloatArray:
    mean, sd = w.close.mean(axis=-1), w.close.std(axis=-1, ddof=0)
    return np.where(sd > ROUNDING * mean, (w.close[:, -1] - mean) / sd, np.nan)


def _drawdown(w: Window) -> FloatArray:
    return np.asarray(w.close[:, -1] / w.close.max(axis=-1) - 1.0)


def _trend(w: Window) -> FloatArray:
    return np.asarray(w.close[:, -1] / w.close.mean(axis=-1) - 1.0)


def _volume_ratio(w: Window) -> FloatArray:
    return np.asarray(np.log(w.volume[:, -5:].mean(axis=-1) / w.volume.mean(axis=-1)))


def _amihud(w: Window) -> FloatArray:
    moves = np.abs(np.diff(w.close, axis=-1) / w.close[:, :-1])
    return np.asarray(np.log((moves / w.dollars[:, 1:]).mean(axis=-1)))


def _beta(w: Window) -> FloatArray:
    steps, market = _log_returns(w.close), w.market[1:]
    centred = market - market.mean()
    return np.asarray((steps * centred).sum(axis=-1) / (centred**2).sum())


def _skew(w: Window) -> FloatArray:
    steps = _log_returns(w.close)
    centred = steps - steps.mean(axis=-1, keepdims=True)
    sd = np.sqrt((centred**2).mean(axis=-1))
    real = sd > ROUNDING * np.abs(steps).max(axis=-1)
    return np.where(real, (centred**3).mean(axis=-1) / sd**3, np.nan)


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("return_1", 2, "close / close[1] - 1", "simple return", _span_return),
    Feature("return_5", 6, "close / close[5] - 1", "Lehmann 1990, short-term reversal", _span_return),
    Feature("momentum_21", 22, "close / close[21] - 1", "Jegadeesh 1990", _span_return),
    Feature("momentum_63", 64, "close / close[63] - 1", "Jegadeesh and Titman 1993", _span_return),
    Feature(
        "momentum_252_21",
        253,
        "close[21] / close[252] - 1",
        "Jegadeesh and Titman 1993, 12-1 months",
        _momentum_skip_month,
    ),
    Feature("overnight_21", 22, "mean of log(open / close[1])", "Lou, Polk and Skouras 2019", _overnight),
    Feature("volatility_21", 22, "annualised sd of 21 log returns", "close-to-close estimator", _volatility),
    Feature(
        "volatility_ratio_5_63",
        64,
        "log(sd of 5 / sd of 63 log returns)",
        "volatility term structure",
        _volatility_ratio,
    ),
    Feature(
        "parkinson_21", 21, "annualised sqrt(mean log(high/low)^2 / 4 ln 2)", "Parkinson 1980", _parkinson
    ),
    Feature(
        "garman_klass_21",
        21,
        "annualised sqrt(mean(0.5 log(h/l)^2 - (2 ln 2 - 1) log(c/o)^2))",
        "Garman and Klass 1980",
        _garman_klass,
    ),
    Feature("rsi_14", 15, "100 gains / (gains + losses), simple means", "Wilder 1978, Cutler's form", _rsi),
    Feature("atr_14", 15, "mean true range / close", "Wilder 1978", _atr),
    Feature("bollinger_20", 20, "(close - mean) / sd", "Bollinger 1980s", _bollinger),
    Feature("drawdown_60", 60, "close / max(close) - 1", "distance from the high", _drawdown),
    Feature("trend_200", 200, "close / mean(close) - 1", "distance from the moving average", _trend),
    Feature("volume_ratio_5_60", 60, "log(mean volume of 5 / of 60)", "abnormal volume", _volume_ratio),
    Feature("amihud_20", 21, "log mean |return| per dollar traded", "Amihud 2002", _amihud),
    Feature("beta_63", 64, "slope of log returns on the market's", "Sharpe 1964", _beta),
    Feature("skew_63", 64, "third standardised moment of log returns", "realised skewness", _skew),
)

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
LONGEST_LOOKBACK: Final = max(feature.lookback for feature in FEATURES)
