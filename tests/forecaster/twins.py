"""Every feature once more, naively: pandas, ticker by ticker, formula by formula.

They share nothing with the features but the formulas. An exponential mean is the difference of two endless
ones, so that it ends after as many sessions as the feature reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from forecaster.window import BARS, Window
from market.panel import FloatArray

Bars: TypeAlias = Any  # a frame; numpy's functions lose pandas' types
"""One ticker: open, high, low, close, volume, dollars, market, series, `fund` and extras, a row a session."""

Column: TypeAlias = Any  # a series
Table: TypeAlias = Any  # a frame
YEAR = 252


def naive(name: str, window: Window) -> FloatArray:
    """The twin's values of a feature, shape (sessions, tickers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if name in UNIVERSE:
            found = UNIVERSE[name](Universe.of(window)).to_numpy(dtype=float)
        else:
            columns = [TICKER[name](bars).to_numpy(dtype=float) for bars in tickers_of(window)]
            found = np.column_stack(columns)
    return np.where(np.isfinite(found), found, np.nan)


def tickers_of(window: Window) -> list[Bars]:
    """One table a ticker."""
    out = []
    for row in range(window.tickers):
        columns = {name: getattr(window, name)[row] for name in BARS}
        columns |= {"market": window.market}
        columns |= {name: values for name, values in window.series.items() if name in RATES_AND_PRICES}
        columns |= {name: values[row] for name, values in window.extras.items()}
        sector = window.sectors[row] if window.sectors else ""
        columns["fund"] = window.series.get(sector, np.full(window.sessions, np.nan))
        out.append(pd.DataFrame(columns))
    return out


RATES_AND_PRICES = ("btc", "us10y", "vix", "dollar")


@dataclass(frozen=True)
class Universe:
    """All tickers side by side, one column each."""

    close: Table
    dollars: Table
    sectors: tuple[str, ...]
    extras: Mapping[str, Table]
    volume: Table
    weekdays: FloatArray

    @classmethod
    def of(cls, window: Window) -> Universe:
        return cls(
            close=pd.DataFrame(window.close.T),
            dollars=pd.DataFrame(window.dollars.T),
            sectors=window.sectors or ("",) * window.tickers,
            extras={name: pd.DataFrame(values.T) for name, values in window.extras.items()},
            volume=pd.DataFrame(window.volume.T),
            weekdays=window.weekdays,
        )

    def told(self, values: Column) -> Table:
        """The universe's values to every ticker whose close is known."""
        known = self.close.notna()
        return pd.DataFrame({ticker: values.where(known[ticker]) for ticker in self.close})

    def told_by_sector(self, values: Table) -> Table:
        """A sector's values to each of its tickers whose close is known."""
        known = self.close.notna()
        return pd.DataFrame(
            {ticker: values[self.sectors[ticker]].where(known[ticker]) for ticker in self.close}
        )

    def by_sector(self, values: Table) -> Table:
        """Mean of the known values of each sector."""
        names = sorted(set(self.sectors))
        members = {name: [i for i, own in enumerate(self.sectors) if own == name] for name in names}
        return pd.DataFrame(
            {name: values[members[name]].mean(axis=1) if name else np.nan for name in names},
            index=values.index,
        )

    @property
    def risers(self) -> Table:
        step = self.close.diff()
        return ((step > 0) + 0.5 * (step == 0)).where(step.notna())

    def above(self, n: int) -> Table:
        mean = self.close.rolling(n).mean()
        return (self.close > mean).astype(float).where(mean.notna())

    @property
    def steps(self) -> Table:
        return np.log(self.close).diff()

    @property
    def strength(self) -> Table:
        relative = self.by_sector(self.steps).sub(self.steps.mean(axis=1), axis=0).rolling(63).sum()
        return (relative - relative.rolling(252).mean()) / relative.rolling(252).std()


def fading(x: Column, alpha: float, n: int) -> Column:
    """The mean of `n` sessions weighted by powers of 1 - alpha."""
    keep = 1 - alpha
    endless = x.fillna(0.0).ewm(alpha=alpha, adjust=True).mean()
    endless *= (1 - keep ** np.arange(1, len(x) + 1)) / alpha
    out = (endless - keep**n * endless.shift(n, fill_value=0.0)) * alpha / (1 - keep**n)
    return out.where(x.rolling(n).count() == n)


wilder = partial(fading, alpha=1 / 14, n=256)


def over_windows(x: Column, n: int, reduce: Callable[[FloatArray], FloatArray]) -> Column:
    """Reduce every whole window, shape (windows, n)."""
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = reduce(sliding_window_view(x.to_numpy(), n))
    return pd.Series(out, index=x.index)


def moves(b: Bars) -> Column:
    return b["close"].pct_change(fill_method=None)


def steps(b: Bars) -> Column:
    return np.log(b["close"]).diff()


def true_range(b: Bars) -> Column:
    before = b["close"].shift(1)
    parts = [b["high"] - b["low"], (b["high"] - before).abs(), (b["low"] - before).abs()]
    return pd.concat(parts, axis=1).max(axis=1).where(before.notna() & b["high"].notna() & b["low"].notna())


def slope(b: Bars) -> Column:
    time = np.arange(63) - 31.0
    return over_windows(np.log(b["close"]), 63, lambda w: w @ time / (time @ time) * YEAR)


def volatility(b: Bars, n: int) -> Column:
    return steps(b).rolling(n).std() * math.sqrt(YEAR)


def parkinson(b: Bars) -> Column:
    daily = np.log(b["high"] / b["low"]) ** 2 / (4 * math.log(2))
    return np.sqrt(daily.rolling(21).mean() * YEAR)


def garman_klass(b: Bars) -> Column:
    daily = 0.5 * np.log(b["high"] / b["low"]) ** 2
    daily -= (2 * math.log(2) - 1) * np.log(b["close"] / b["open"]) ** 2
    return np.sqrt(daily.rolling(21).mean() * YEAR)


def rogers_satchell(b: Bars) -> Column:
    daily = np.log(b["high"] / b["close"]) * np.log(b["high"] / b["open"])
    daily += np.log(b["low"] / b["close"]) * np.log(b["low"] / b["open"])
    return np.sqrt(daily.rolling(21).mean() * YEAR)


def skewness(w: FloatArray) -> FloatArray:
    centred = w - w.mean(axis=1, keepdims=True)
    return np.asarray((centred**3).mean(axis=1) / (centred**2).mean(axis=1) ** 1.5)


def downside(b: Bars) -> Column:
    step = steps(b)
    return (step.clip(upper=0) ** 2).rolling(63).sum() / (step**2).rolling(63).sum()


def rsi(b: Bars) -> Column:
    step = b["close"].diff()
    return 100 - 100 / (1 + wilder(step.clip(lower=0)) / wilder((-step).clip(lower=0)))


def macd_line(b: Bars) -> Column:
    return fading(b["close"], 2 / 13, 128) - fading(b["close"], 2 / 27, 256)


def macd_histogram(b: Bars) -> Column:
    line = macd_line(b)
    return (line - fading(line, 2 / 10, 128)) / b["close"]


def close_sd(b: Bars) -> Column:
    return over_windows(b["close"], 20, lambda w: w.std(axis=1))  # pandas' own loses digits on prices


def bollinger(b: Bars) -> Column:
    return (b["close"] - b["close"].rolling(20).mean()) / close_sd(b)


def directional(b: Bars) -> Column:
    up, down = b["high"].diff(), -b["low"].diff()
    known = up.notna() & down.notna()
    plus = wilder(up.where((up > down) & (up > 0), 0.0).where(known))
    minus = wilder(down.where((down > up) & (down > 0), 0.0).where(known))
    return (plus - minus) / (plus + minus)


def place(b: Bars, n: int) -> Column:
    low = b["low"].rolling(n).min()
    return (b["close"] - low) / (b["high"].rolling(n).max() - low)


def z(x: Column, n: int) -> Column:
    return (x - x.rolling(n).mean()) / x.rolling(n).std()


def signed_volume(b: Bars) -> Column:
    return (np.sign(b["close"].diff()) * b["volume"]).rolling(21).sum() / b["volume"].rolling(21).sum()


def amihud(b: Bars) -> Column:
    return np.log((moves(b).abs() / b["dollars"]).rolling(20).mean())


def corwin_schultz(b: Bars) -> Column:
    before = b["close"].shift(1)
    gap = (b["low"] - before).where(b["low"] > before, 0.0) - (before - b["high"]).where(
        b["high"] < before, 0.0
    )
    high, low = b["high"] - gap, b["low"] - gap
    beta = np.log(high / low) ** 2 + np.log(b["high"] / b["low"]).shift(1) ** 2
    top = pd.concat([high, b["high"].shift(1)], axis=1).max(axis=1)
    bottom = pd.concat([low, b["low"].shift(1)], axis=1).min(axis=1)
    root = 3 - 2 * math.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / root - np.sqrt(np.log(top / bottom) ** 2 / root)
    spread = 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))
    return spread.clip(lower=0).rolling(21).mean()


def kyle(b: Bars) -> Column:
    flow = np.sign(moves(b)) * np.sqrt(b["dollars"] / 1e6)
    return moves(b).rolling(21).cov(flow) / flow.rolling(21).var()


def half_year(x: Column) -> Column:
    return over_windows(x, 126, lambda w: (w <= w[:, -1:] * (1 + 1e-9)).mean(axis=1)).where(
        x.rolling(126).count() == 126
    )


def channel(b: Bars, n: int) -> Column:
    return b["high"].rolling(n).max() - b["low"].rolling(n).min()


def squeeze(b: Bars) -> Column:
    sd, atr = b["close"].rolling(20).std(ddof=0), true_range(b).rolling(20).mean()
    return (2 * sd < 1.5 * atr).astype(float).where(sd.notna() & atr.notna()).rolling(10).mean()


def narrow_days(b: Bars) -> Column:
    spread = b["high"] - b["low"]
    least = spread.rolling(7).min()
    return (spread == least).astype(float).where(least.notna()).rolling(10).mean()


def series_steps(b: Bars, series: str) -> Column:
    if series == "market":
        return b["market"]
    return b[series].diff() if series == "us10y" else np.log(b[series]).diff()


def beta(b: Bars, series: str) -> Column:
    other = series_steps(b, series)
    return steps(b).rolling(63).cov(other) / other.rolling(63).var()


def correlation(b: Bars, series: str) -> Column:
    return steps(b).rolling(63).corr(series_steps(b, series))


def idiosyncratic(b: Bars) -> Column:
    left = steps(b).rolling(63).var() * (1 - correlation(b, "market") ** 2)
    return np.sqrt(left * 62 / 61 * YEAR)


def short_share(b: Bars) -> Column:
    return b["short"] / b["off_exchange"]


def after_hours_share(b: Bars) -> Column:
    regular = 1_000.0
    premarket, postmarket = b["premarket"] * regular, b["postmarket"] * regular
    return (premarket + postmarket) / (premarket + regular + postmarket)


def customer_lead(b: Bars, n: int) -> Column:
    return (b["customer_return"] - (steps(b) - b["market"])).rolling(n).sum()


TICKER: dict[str, Callable[[Bars], Column]] = {
    "return_1": lambda b: b["close"] / b["close"].shift(1) - 1,
    "return_5": lambda b: b["close"] / b["close"].shift(5) - 1,
    "momentum_21": lambda b: b["close"] / b["close"].shift(21) - 1,
    "momentum_63": lambda b: b["close"] / b["close"].shift(63) - 1,
    "momentum_126": lambda b: b["close"] / b["close"].shift(126) - 1,
    "momentum_252_21": lambda b: b["close"].shift(21) / b["close"].shift(252) - 1,
    "overnight_21": lambda b: np.log(b["open"] / b["close"].shift(1)).rolling(21).mean(),
    "intraday_21": lambda b: np.log(b["close"] / b["open"]).rolling(21).mean(),
    "greatest_return_21": lambda b: moves(b).rolling(21).max(),
    "trend_20": lambda b: b["close"] / b["close"].rolling(20).mean() - 1,
    "trend_50": lambda b: b["close"] / b["close"].rolling(50).mean() - 1,
    "trend_200": lambda b: b["close"] / b["close"].rolling(200).mean() - 1,
    "slope_63": slope,
    "drawdown_60": lambda b: b["close"] / b["close"].rolling(60).max() - 1,
    "nearness_252": lambda b: b["close"] / b["high"].rolling(252).max() - 1,
    "channel_55": lambda b: place(b, 55),
    "efficiency_21": lambda b: b["close"].diff(21) / b["close"].diff().abs().rolling(21).sum(),
    "volatility_21": lambda b: volatility(b, 21),
    "volatility_63": lambda b: volatility(b, 63),
    "volatility_ratio_5_63": lambda b: np.log(volatility(b, 5) / volatility(b, 63)),
    "parkinson_21": parkinson,
    "garman_klass_21": garman_klass,
    "rogers_satchell_21": rogers_satchell,
    "skew_63": lambda b: over_windows(steps(b), 63, skewness),
    "downside_63": downside,
    "rsi_14": rsi,
    "rsi_mean_14": lambda b: (
        100 * b["close"].diff().clip(lower=0).rolling(14).mean() / b["close"].diff().abs().rolling(14).mean()
    ),
    "atr_mean_14": lambda b: true_range(b).rolling(14).mean() / b["close"],
    "macd_12_26": lambda b: macd_line(b) / b["close"],
    "macd_histogram_9": macd_histogram,
    "atr_14": lambda b: wilder(true_range(b)) / b["close"],
    "bollinger_20": bollinger,
    "directional_14": directional,
    "adx_14": lambda b: 100 * wilder(directional(b).abs()),
    "stochastic_14": lambda b: place(b, 14),
    "volume_ratio_5_60": lambda b: np.log(b["volume"].rolling(5).mean() / b["volume"].rolling(60).mean()),
    "volume_z_60": lambda b: z(np.log(b["volume"]), 60),
    "dollar_volume_21": lambda b: np.log(b["dollars"].rolling(21).mean()),
    "signed_volume_21": signed_volume,
    "amihud_20": amihud,
    "corwin_schultz_21": corwin_schultz,
    "kyle_21": kyle,
    "band_width_rank_126": lambda b: half_year(close_sd(b) / b["close"].rolling(20).mean()),
    "range_rank_126": lambda b: half_year(true_range(b).rolling(5).mean() / true_range(b).rolling(20).mean()),
    "channel_rank_126": lambda b: half_year(channel(b, 10) / channel(b, 40)),
    "volume_rank_126": lambda b: half_year(b["volume"].rolling(10).mean() / b["volume"].rolling(50).mean()),
    "squeeze_10": squeeze,
    "narrow_days_10": narrow_days,
    "high_distance_55": lambda b: (
        (b["high"].rolling(55).max() - b["close"]) / true_range(b).rolling(20).mean()
    ),
    "beta_63": partial(beta, series="market"),
    "idiosyncratic_63": idiosyncratic,
    **{f"beta_{name}_63": partial(beta, series=name) for name in RATES_AND_PRICES},
    **{f"correlation_{name}_63": partial(correlation, series=name) for name in RATES_AND_PRICES},
    "beta_sector_63": partial(beta, series="fund"),
    "correlation_sector_63": partial(correlation, series="fund"),
    "sector_relative_21": lambda b: (steps(b) - series_steps(b, "fund")).rolling(21).sum(),
    "off_exchange_share": lambda b: b["off_exchange"],
    "off_exchange_z_60": lambda b: z(b["off_exchange"], 60),
    "short_share": short_share,
    "short_share_z_60": lambda b: z(short_share(b), 60),
    "after_hours_share": after_hours_share,
    "customer_momentum_21": lambda b: b["customer_return"].rolling(21).sum(),
    "customer_lead_21": partial(customer_lead, n=21),
    "customer_lead_5": partial(customer_lead, n=5),
}


def thrust(u: Universe) -> Table:
    mean = fading(u.risers.mean(axis=1), 2 / 11, 128)
    low = mean.rolling(10).min()
    return u.told(((low < 0.40) & (mean > 0.615)).astype(float).where(low.notna()))


def mcclellan(u: Universe) -> Table:
    net = 2 * u.risers.mean(axis=1) - 1
    return u.told(fading(net, 2 / 20, 256) - fading(net, 2 / 40, 512))


def new_highs(u: Universe) -> Table:
    high, low = u.close.rolling(252).max(), u.close.rolling(252).min()
    net = (u.close == high).astype(float) - (u.close == low).astype(float)
    return u.told(net.where(high.notna()).mean(axis=1))


def sector_advances(u: Universe) -> Table:
    shares = u.by_sector(u.risers)
    return u.told_by_sector(shares.apply(lambda share: fading(share, 2 / 11, 128)))


def strength_slope(u: Universe) -> Table:
    time = np.arange(21) - 10.0
    return u.told_by_sector(
        u.strength.apply(lambda x: over_windows(x, 21, lambda w: w @ time / (time @ time)))
    )


def sector_turnover(u: Universe) -> Table:
    now = u.by_sector(u.steps).drop(columns="", errors="ignore").rolling(21).sum()
    before = now.shift(21)
    both = now.notna() & before.notna()
    found = now.where(both).rank(axis=1).corrwith(before.where(both).rank(axis=1), axis=1)
    return u.told(1 - found)


def dark_index(u: Universe) -> Table:
    share = u.extras["short"] / u.extras["off_exchange"]
    weights = u.dollars.shift(1).where(share.notna())
    return u.told((share * weights).sum(axis=1, min_count=1) / weights.sum(axis=1, min_count=1))


def weekday_z(u: Universe, share: Table) -> Table:
    told, out = share.to_numpy(), np.full(share.shape, np.nan)
    for row in range(61, len(told)):
        same = np.flatnonzero(u.weekdays[row - 60 : row] == u.weekdays[row]) + row - 60
        if len(same) >= 3:
            out[row] = (told[row] - told[same].mean(axis=0)) / told[same].std(axis=0, ddof=1)
    return pd.DataFrame(out)


UNIVERSE: dict[str, Callable[[Universe], Table]] = {
    "advances_10": lambda u: u.told(fading(u.risers.mean(axis=1), 2 / 11, 128)),
    "thrust_10": thrust,
    "mcclellan": mcclellan,
    "breadth_20": lambda u: u.told(u.above(20).mean(axis=1)),
    "breadth_50": lambda u: u.told(u.above(50).mean(axis=1)),
    "breadth_200": lambda u: u.told(u.above(200).mean(axis=1)),
    "new_highs_252": new_highs,
    "dispersion_21": lambda u: u.told(np.log(u.close).diff(21).std(axis=1, ddof=0)),
    "sector_advances_10": sector_advances,
    "sector_breadth_50": lambda u: u.told_by_sector(u.by_sector(u.above(50))),
    "sector_strength_63": lambda u: u.told_by_sector(u.strength),
    "sector_strength_slope_21": strength_slope,
    "sector_turnover_21": sector_turnover,
    "dark_index": dark_index,
    "after_hours_z_60": lambda u: weekday_z(u, after_hours_share(u.extras)),
    "premarket_z_60": lambda u: weekday_z(u, u.extras["premarket"]),
    "postmarket_z_60": lambda u: weekday_z(u, u.extras["postmarket"]),
}
