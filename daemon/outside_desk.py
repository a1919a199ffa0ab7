"""The outside desk: before each session, what was traded outside of the exchanges' one before."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.configuration.settings import MarketSettings
from daemon.memory import Memory
from daemon.storage.bars import BarStore
from daemon.storage.database import Database
from daemon.storage.outside import OutsideStore
from daemon.storage.runs import RunStore
from market.eodhd_minutes import EodhdMinutes
from market.exchange import Exchange
from market.guard import Guard, Request, ignore
from market.minute_days import MinuteDays
from market.minute_files import KeptMinutes, MinuteFile, MinuteFileError, MinuteFolder, minutes_of
from market.outside import NO_SPLITS, Outside, unknown
from market.outside_estimate import ESTIMATE, R2, estimated
from market.outside_files import OutsideFileError, read_customers, read_splits
from market.panel import FloatArray, Panel
from market.provider import ProviderError
from market.short_volume import ShortVolumeError, file_name
from market.short_volume_estimate import LEARNT_DAYS
from market.short_volume_files import Finra, Folder, ShortVolumeFiles
from market.splits import Splits

log = structlog.get_logger("outside")

FINRA: Final = "finra"
EODHD_MINUTES: Final = "eodhd_minutes"
"""What requests are written down as; a plan of EODHD that lacks minutes may well have daily bars."""


def make_outside(
    market: MarketSettings,
    exchange: Exchange,
    *,
    live: bool,
    told: Callable[[Request], None] = ignore,
    token: SecretStr | None = None,
) -> Outside:
    """Open what the configuration names beside the bars.

    Args:
        market: The settings.
        exchange: Whose sessions.
        live: Whether FINRA and EODHD may be asked; a replay asks nobody.
        told: Hears how each request over the network ended.
        token: EODHD's; without it EODHD is not asked.

    Raises:
        OutsideFileError: A file cannot be used, or a folder to be read is not there.
        MinuteFileError: Likewise.
    """
    files: ShortVolumeFiles | None = None
    if market.short_volume == "folder":
        files = Folder(_there("short_volume_folder", market.short_volume_folder))
    elif market.short_volume == "finra" and live:
        files = Finra(Guard(FINRA, market.finra.limits(), told=told), url=market.finra.url)
    return Outside(
        files,
        _minute_days(market, exchange, told, token if live else None),
        read_splits(Path(market.splits_file)) if market.splits_file else {},
        read_customers(Path(market.customers_file)) if market.customers_file else (),
    )


def asked_outside(market: MarketSettings) -> tuple[str, ...]:
    """Return who is asked over the network for what daily bars do not hold."""
    asked = ((FINRA, market.short_volume == "finra"), (EODHD_MINUTES, market.minutes == "eodhd"))
    return tuple(name for name, is_ in asked if is_)


def _minute_days(
    market: MarketSettings, exchange: Exchange, told: Callable[[Request], None], token: SecretStr | None
) -> MinuteDays | None:
    if market.minutes == "none":
        return None
    if market.minutes == "file":
        return MinuteDays(MinuteFile(Path(market.minutes_file), exchange), exchange)
    if market.minutes == "folder":
        return MinuteDays(MinuteFolder(_there("minutes_folder", market.minutes_folder), exchange), exchange)
    folder = MinuteFolder(Path(market.minutes_folder), exchange)
    if token is None:
        return MinuteDays(folder, exchange)
    guard = Guard(EODHD_MINUTES, market.eodhd.limits(), told=told)
    eodhd = EodhdMinutes(token.get_secret_value(), guard, exchange, url=market.eodhd.url)
    return MinuteDays(KeptMinutes(eodhd, folder), exchange, past=folder)


def _there(key: str, folder: str) -> Path:
    if not Path(folder).is_dir():
        raise OutsideFileError(f"market.{key}: there is no folder {folder}; make it, or name another")
    return Path(folder)


def prints(market: MarketSettings, sessions: Iterable[date]) -> dict[str, str]:
    """Return the SHA-256 of each file that a replay reads beside its prices, by what it holds.

    Args:
        market: Names the files.
        sessions: Whose files in a folder are read; those of one folder have one hash.
    """
    files = {"minutes": market.minutes_file, "splits": market.splits_file, "customers": market.customers_file}
    out = {f"file of {name}": _sha256(Path(path)) for name, path in files.items() if path}
    if market.short_volume == "folder":
        folder = Path(market.short_volume_folder)
        names = [name for day in sessions for name in (file_name(day), f"{file_name(day)}.gz")]
        out["folder of short volume"] = _together(folder / name for name in names)
    if market.minutes_folder:
        folder = Path(market.minutes_folder)
        out["folder of minutes"] = _together(minutes_of(folder, day) for day in sessions)
    return out


def _together(paths: Iterable[Path | None]) -> str:
    held = [f"{path.name} {_sha256(path)}" for path in paths if path is not None and path.exists()]
    return hashlib.sha256("\n".join(held).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Told:
    """What a session is given from outside.

    Attributes:
        of: The session that it tells of.
        shares: As `market.outside`, shape (kept, universe).
    """

    of: date
    shares: FloatArray


class OutsideDesk:
    """Asks for the session before, in the unit of its kept volume."""

    def __init__(self, outside: Outside, memory: Memory, database: Database, *, live: bool) -> None:
        """Wire the desk.

        Args:
            outside: Who is asked.
            memory: Whose newest session is asked about.
            database: Where the splits are that providers told.
            live: Whether sessions are kept as they close; a replay's are all of one unit.
        """
        self._outside, self._memory, self._database, self._live = outside, memory, database, live
        self._ready: tuple[date, Told | None] | None = None

    def expecting(self, sessions: Sequence[date], splits: Splits) -> AbstractAsyncContextManager[None]:
        """Stand around keeping a history.

        Args:
            sessions: Those that it will be asked about, in that order.
            splits: As `look` is given them.
        """
        files, known = self._outside.files, {**splits, **self._outside.splits}
        if files is None or known.keys().isdisjoint(self._memory.universe):
            return nullcontext()
        return files.expecting(sessions)

    async def prepare(self, splits: Splits) -> None:
        """Look before the session runs: this wait may be broken off, a session not."""
        self._ready = None  # what came for a run that was broken off may have been too early
        if self._memory.sessions:
            newest = self._memory.sessions[-1]
            self._ready = (newest, await self.look(splits))

    async def look(self, splits: Splits = NO_SPLITS) -> Told | None:
        """Return what is known of the newest kept session; None where nothing can be.

        What does not come is unknown: a session is not held up for it.

        Args:
            splits: Those that providers told with the history.
        """
        memory = self._memory
        ready, self._ready = self._ready, None
        if ready and memory.sessions[-1:] == [ready[0]]:
            return ready[1]
        if not (self._outside.names and memory.sessions):
            return None
        bars = memory.panel(1).columns(memory.universe)
        session = bars.sessions[0]
        shares = unknown(len(memory.universe))
        shares[:2] = await self._told(session, shares[:2], self._of_files(bars, splits))
        shares[2:5] = await self._told(session, shares[2:5], self._outside.of_minutes(bars))
        if self._outside.estimates:
            shares = await self._estimated(session, shares)
        return Told(session, shares)

    async def _of_files(self, bars: Panel, splits: Splits) -> FloatArray:
        def doubted(tickers: tuple[str, ...]) -> None:
            log.warning(
                "more traded off exchange than in all: a split is missing or wrong, or the volume is",
                session=str(bars.sessions[0]),
                tickers=", ".join(tickers),
            )

        raw, known = await self._in_raw_shares(bars, splits)
        return await self._outside.of_files(raw, known, doubted)

    async def _told(self, session: date, unknown: FloatArray, asking: Awaitable[FloatArray]) -> FloatArray:
        try:
            return await asking
        except (MinuteFileError, ProviderError, ShortVolumeError) as error:
            log.warning("nothing from outside", session=str(session), reason=str(error))
            return unknown

    async def _estimated(self, session: date, shares: FloatArray) -> FloatArray:
        """Return the shares with what can be estimated, from what was told of the kept sessions."""
        memory = self._memory
        bars = memory.panel(LEARNT_DAYS).columns(memory.universe)
        of_each = np.concatenate([memory.shares(LEARNT_DAYS)[:, 1:], shares[:, None]], axis=1)
        found = await asyncio.to_thread(estimated, of_each, bars)
        if (count := int(np.isfinite(found[R2]).sum())) and self._live:
            log.info(
                "off-exchange share estimated",
                session=str(session),
                tickers=int(np.isfinite(found[ESTIMATE]).sum()),
                of=count,
                median_r2=round(float(np.nanmedian(found[R2])), 3),
            )
        return found

    async def keep(self, connection: AsyncConnection, session: date, told: Told, now: datetime) -> None:
        """Write it beside the session that it is given to."""
        await OutsideStore(connection).add(session, told.of, self._memory.universe, told.shares, now)

    async def _in_raw_shares(self, bars: Panel, told: Splits) -> tuple[Panel, Splits | None]:
        """Return a live session's bar with the volume as it was traded, or the splits that it needs.

        It is kept in the unit of the first bars, and providers have told every split since; where it is open
        whether one came before the session or after it, the ticker is unknown. The bars before the first live
        session were told at once, and so were their splits; what the file of splits says goes before that.
        """
        if not self._live:
            return bars, None
        async with self._database.read() as connection:
            first = await RunStore(connection).first_session("forecast")
            if first is None or bars.sessions[0] < first:
                return bars, {**told, **self._outside.splits}
            factors = await BarStore(connection).split_factors(bars.sessions[0])
        factor = np.array([factors.get(ticker, 1.0) for ticker in bars.tickers])
        return replace(bars, volume=bars.volume * factor), dict.fromkeys(bars.tickers, ())
