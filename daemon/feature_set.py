"""The feature set: what this daemon's forecaster reads, and so what its monitors watch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.configuration.settings import MarketSettings
from daemon.price_series import market_series
from forecaster.features import Feature
from forecaster.signals import Signal, features_of, usable_signals
from forecaster.tier import Tier
from forecaster.window import Window, make_window
from market.filings_links import Links
from market.outside import NAMES, Outside, best_known, joined, unknown
from market.panel import FIELDS, FloatArray, Panel

NOTHING: Final = Outside()
"""Bars alone."""


@dataclass(frozen=True)
class FeatureSet:
    """The signals whose inputs the configuration provides, and how a panel becomes what they read.

    Attributes:
        signals: The signals, each with the features that can be known.
        benchmark: The market's ticker.
        sectors: Sector by ticker; empty where that of one is unknown.
        outside: What is told beside the bars, of `market.outside.NAMES`.
        links: Who is whose customer.
    """

    signals: tuple[Signal, ...]
    benchmark: str
    sectors: Mapping[str, str]
    outside: tuple[str, ...] = ()
    links: tuple[Links, ...] = ()

    @classmethod
    def of(
        cls,
        market: MarketSettings,
        tickers: tuple[str, ...],
        universe: tuple[str, ...],
        outside: Outside = NOTHING,
    ) -> FeatureSet:
        """Choose the signals by what the configuration provides; the store's bars decide nothing.

        Those that look at sectors need the sector of every ticker.

        Args:
            market: Its benchmark and sectors.
            tickers: Every ticker whose bars are kept.
            universe: Those that are forecast.
            outside: Where what daily bars do not hold is told.
        """
        nothing = np.full((1, len(tickers)), np.nan)
        panel = Panel((date(1970, 1, 2),), tickers, *(nothing for _ in FIELDS))
        known = market.sector_of()
        sectors = known if all(known.get(ticker) for ticker in universe) else {}
        bare = cls((), market.benchmark, sectors, outside.names, outside.links)
        none = unknown(len(universe))[:, None]
        return replace(bare, signals=usable_signals(bare.window(panel, universe, none)))

    def window(self, panel: Panel, universe: tuple[str, ...], shares: FloatArray) -> Window:
        """Return what the features of a universe read at a panel's newest close.

        Args:
            panel: Bars up to that close.
            universe: The tickers.
            shares: What was told from outside by each session's close, as shares of the volume of the session
                before it, shape (kept, sessions, universe).
        """
        series, tiers = market_series(panel)
        extras = joined(panel, universe, best_known(shares), self.outside, self.links, self.sectors)
        tiers |= dict.fromkeys(self.outside, Tier.DELAYED)
        return make_window(
            panel, universe, self.benchmark, series=series, sectors=self.sectors, extras=extras, tiers=tiers
        )

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the signals read, one after the other."""
        return features_of(self.signals)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def lookback(self) -> int:
        """Sessions that the longest of them reads."""
        return max(feature.lookback for feature in self.features)

    @cached_property
    def fingerprint(self) -> str:
        """Tells sets apart: vectors of two are never mixed."""
        text = "\n".join(f"{one.name}|{one.lookback}|{one.formula}" for one in self.features)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def estimates_in(feature: Feature, shares: FloatArray) -> NDArray[np.intp]:
    """Return the sessions from which an estimate entered the newest value of a feature.

    A session enters where all is known that the feature reads of it: what is estimated alone, without the
    short part that goes with it, enters no feature of both.

    Args:
        feature: Which one.
        shares: What was told of one ticker by the closes of the window's sessions, shape (kept, sessions).

    Returns:
        Places in `shares`, ascending.
    """
    read = [row for row, name in enumerate(NAMES) if name in feature.inputs]
    first = max(shares.shape[1] - feature.lookback, 0)
    known = best_known(shares[:, first:])[read]
    guessed = np.isnan(shares[read, first:]) & np.isfinite(known)
    entered = np.atleast_1d(guessed.any(axis=0) & np.isfinite(known).all(axis=0))
    return np.asarray(first + np.flatnonzero(entered), np.intp)
