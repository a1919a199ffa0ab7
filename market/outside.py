"""Outside: what was traded away from the exchanges, and before and after their session.

Each value is a share of the session's own volume, so that a later split does not change it. FINRA posts a
session's file at 18:00 and extended hours end four hours after the close: at a session's close the newest
that is known is that of the session before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from market.exchange import Exchange
from market.extended_hours import Minutes, day_parts
from market.filings_links import Links, customer_extra
from market.panel import FloatArray, Panel
from market.short_volume import ShortVolume, Splits, off_exchange
from market.short_volume_files import ShortVolumeFiles

OFF_EXCHANGE: Final = ("off_exchange_volume", "short_volume")
EXTENDED: Final = ("premarket_volume", "postmarket_volume")
NAMES: Final = (*OFF_EXCHANGE, *EXTENDED)
"""The rows of an array of shares; the second is part of the first."""

NO_SPLITS: Final[Splits] = {}


def unknown(tickers: int) -> FloatArray:
    """Return shares of which nothing is known, shape (names, tickers)."""
    return np.full((len(NAMES), tickers), np.nan)


@dataclass(frozen=True, slots=True)
class Outside:
    """Where it is told.

    Attributes:
        files: FINRA's daily files; None where nobody gives them.
        minutes: Minute bars with extended hours; None where there are none.
        exchange: Whose sessions; None where nothing needs them.
        splits: Of each ticker, all up to the day on which its past was told; a ticker not in it is unknown.
        links: Who is whose customer.
    """

    files: ShortVolumeFiles | None = None
    minutes: Minutes | None = None
    exchange: Exchange | None = None
    splits: Splits = field(default_factory=dict)
    links: tuple[Links, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What it can tell, of `NAMES`."""
        return (OFF_EXCHANGE if self.files else ()) + (EXTENDED if self.minutes else ())

    async def shares(self, bars: Panel, splits: Splits | None = None) -> FloatArray:
        """Return what is told of one session, shape (names, tickers); NaN where nothing is.

        No file is asked for while the splits of no ticker are told: nothing could be read from it.

        Args:
            bars: The session's.
            splits: By which its volume differs from raw shares; None takes the files'.

        Raises:
            ShortVolumeError: A file is at fault.
            ProviderError: It did not come.
        """
        (session,) = bars.sessions
        out = unknown(len(bars.tickers))
        splits = self.splits if splits is None else splits
        if (
            self.files
            and not splits.keys().isdisjoint(bars.tickers)
            and (found := await self.files.of(session)) is not None
        ):
            out[:2] = off_exchange_shares(found, bars, splits)
        if self.minutes and self.exchange:
            out[2:] = await asyncio.to_thread(
                extended_shares, self.minutes, self.exchange, session, bars.tickers
            )
        return out


def off_exchange_shares(found: ShortVolume, bars: Panel, splits: Splits) -> FloatArray:
    """Return the shares of a volume traded off exchange and sold short there, shape (2, tickers)."""
    told = off_exchange([found], bars, splits)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([told.total[0], told.short[0]]) / bars.volume[0]
    return np.where(np.isfinite(shares), shares, np.nan)


def extended_shares(
    minutes: Minutes, exchange: Exchange, session: date, tickers: tuple[str, ...]
) -> FloatArray:
    """Return the volume before the open and after the close over the session's, shape (2, tickers)."""
    parts = day_parts(minutes, exchange, (session,), tickers)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.concatenate([parts.premarket, parts.postmarket]) / parts.regular
    return np.where(np.isfinite(shares), shares, np.nan)


def joined(
    panel: Panel,
    universe: tuple[str, ...],
    shares: FloatArray,
    names: Sequence[str],
    links: Sequence[Links],
    sectors: Mapping[str, str],
) -> dict[str, FloatArray]:
    """Join what is told from outside to a panel's sessions, each of shape (sessions, universe), by name.

    Args:
        panel: Bars.
        universe: The tickers.
        shares: What was told by each session's close, shape (names, sessions, universe).
        names: Those of `NAMES` that are told.
        links: Who is whose customer; without any there is no `customer_return`.
        sectors: Sector by ticker.
    """
    told = in_volume(shares, panel.columns(universe).volume)
    extras = {name: told[name] for name in names}
    if links:
        extras["customer_return"] = customer_extra(links, panel, universe, sectors)
    return extras


def in_volume(shares: FloatArray, volume: FloatArray) -> Mapping[str, FloatArray]:
    """Return shares, shape (names, sessions, tickers), as volumes in the unit of a panel's, by name."""
    return {name: one * volume for name, one in zip(NAMES, shares, strict=True)}
