"""Outside: what was traded away from the exchanges, and before and after their session.

Each value is a share of the session's own volume, so that a later split does not change it. FINRA posts a
session's file at 18:00 and extended hours end four hours after the close: at a session's close the newest
that is known is that of the session before. Where no file tells the share traded off exchange, minute bars
may estimate it; the estimate is kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from market.filings_links import Links, customer_extra
from market.minute_days import MinuteDays
from market.panel import FloatArray, Panel
from market.short_volume import OffExchange, off_exchange
from market.short_volume_files import ShortVolumeFiles
from market.splits import Splits

OFF_EXCHANGE: Final = ("off_exchange", "short")
EXTENDED: Final = ("premarket", "postmarket")
NAMES: Final = (*OFF_EXCHANGE, *EXTENDED)
"""The rows of an array of shares: the first two of the whole volume, the second part of the first; the others
of the volume in regular hours."""

KEPT: Final = (*NAMES, "unexplained", "off_exchange_estimate", "estimate_r2")
"""Those and what an estimate needs and says: the share of the volume that minutes do not explain, the share
traded off exchange as estimated, and the R2 of the ticker's estimates on days that they had not seen."""

NO_SPLITS: Final[Splits] = {}


def unknown(tickers: int) -> FloatArray:
    """Return shares of which nothing is known, shape (kept, tickers)."""
    return np.full((len(KEPT), tickers), np.nan)


@dataclass(frozen=True, slots=True)
class Outside:
    """Where it is told.

    Attributes:
        files: FINRA's daily files; None where nobody gives them.
        minutes: Minute bars; None where there are none.
        splits: Of each ticker, all up to the day on which its past was told; a ticker not in it is unknown.
        links: Who is whose customer.
    """

    files: ShortVolumeFiles | None = None
    minutes: MinuteDays | None = None
    splits: Splits = field(default_factory=dict)
    links: tuple[Links, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What it can tell, of `NAMES`."""
        return (OFF_EXCHANGE if self.files else ()) + (EXTENDED if self.minutes else ())

    @property
    def estimates(self) -> bool:
        """Whether what files do not tell may be estimated: from what they have told, and minutes."""
        return self.files is not None and self.minutes is not None

    async def shares(self, bars: Panel, splits: Splits | None = None) -> FloatArray:
        """Return what is told of one session, shape (kept, tickers); NaN where nothing is, estimates too.

        Args:
            bars: The session's.
            splits: By which its volume differs from raw shares; None takes the files'.

        Raises:
            ShortVolumeError: A file of FINRA's is at fault.
            MinuteFileError: One of minutes is.
            ProviderError: Something did not come.
        """
        out = unknown(len(bars.tickers))
        out[: len(OFF_EXCHANGE)] = await self.of_files(bars, splits)
        out[len(OFF_EXCHANGE) : len(NAMES) + 1] = await self.of_minutes(bars)
        return out

    async def of_files(
        self,
        bars: Panel,
        splits: Splits | None = None,
        doubted: Callable[[tuple[str, ...]], None] = lambda tickers: None,
    ) -> FloatArray:
        """Return the rows `OFF_EXCHANGE` of one session, as `shares` does.

        No file is asked for while the splits of no ticker are told: nothing could be read from it.

        Args:
            bars: The session's.
            splits: As for `shares`.
            doubted: Hears of the tickers of which more was traded off exchange than in all: they are unknown.

        Raises:
            ShortVolumeError: A file is at fault.
            ProviderError: It did not come.
        """
        splits = self.splits if splits is None else splits
        found = None
        if self.files and not splits.keys().isdisjoint(bars.tickers):
            found = await self.files.of(bars.sessions[0])
        if found is None:
            return np.full((len(OFF_EXCHANGE), len(bars.tickers)), np.nan)
        told = off_exchange([found], bars, splits)
        if told.impossible:
            doubted(tuple(ticker for ticker, _ in told.impossible))
        return off_exchange_shares(told, bars)

    async def of_minutes(self, bars: Panel) -> FloatArray:
        """Return the rows `EXTENDED` of one session and the one after them, as `shares` does.

        Raises:
            MinuteFileError: A file is at fault.
            ProviderError: They did not come.
        """
        if self.minutes is None:
            return np.full((len(EXTENDED) + 1, len(bars.tickers)), np.nan)
        return await self.minutes.of(bars.sessions[0], bars.tickers)


def off_exchange_shares(told: OffExchange, bars: Panel) -> FloatArray:
    """Return the shares of a volume traded off exchange and sold short there, shape (2, tickers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([told.total[0], told.short[0]]) / bars.volume[0]
    return np.where(np.isfinite(shares), shares, np.nan)


def best_known(shares: FloatArray) -> FloatArray:
    """Return the rows `NAMES` of shares of shape (kept, ...), the estimate where its value is not told."""
    out = shares[: len(NAMES)].copy()
    estimate = shares[KEPT.index("off_exchange_estimate")]
    out[0] = np.where(np.isnan(out[0]), estimate, out[0])
    return out


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
    told = dict(zip(NAMES, shares, strict=True))
    extras = {name: told[name] for name in names}
    if links:
        extras["customer_return"] = customer_extra(links, panel, universe, sectors)
    return extras
