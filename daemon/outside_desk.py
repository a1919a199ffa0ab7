"""The outside desk: before each session, what was traded outside of the exchanges' one before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.configuration.settings import MarketSettings
from daemon.memory import Memory
from daemon.storage.bars import BarStore
from daemon.storage.database import Database
from daemon.storage.outside import OutsideStore
from daemon.storage.runs import RunStore
from market.exchange import Exchange
from market.guard import Guard, Request, ignore
from market.outside import Outside
from market.outside_files import read_customers, read_minutes, read_splits
from market.panel import FloatArray, Panel
from market.provider import ProviderError
from market.short_volume import ShortVolumeError, Splits, file_name
from market.short_volume_files import Finra, Folder, ShortVolumeFiles

log = structlog.get_logger("outside")


def make_outside(
    market: MarketSettings,
    exchange: Exchange,
    *,
    live: bool,
    told: Callable[[Request], None] = ignore,
) -> Outside:
    """Open what the configuration names beside the bars.

    Args:
        market: The settings.
        exchange: Whose sessions.
        live: Whether FINRA may be asked; a replay asks nobody.
        told: Hears how each request over the network ended.

    Raises:
        OutsideFileError: A file cannot be used.
    """
    files: ShortVolumeFiles | None = None
    if market.short_volume == "folder":
        files = Folder(Path(market.short_volume_folder))
    elif market.short_volume == "finra" and live:
        files = Finra(Guard("finra", market.finra.limits(), told=told), url=market.finra.url)
    return Outside(
        files,
        read_minutes(Path(market.minutes_file)) if market.minutes_file else None,
        exchange,
        read_splits(Path(market.splits_file)) if market.splits_file else {},
        read_customers(Path(market.customers_file)) if market.customers_file else (),
    )


def prints(market: MarketSettings, sessions: Iterable[date]) -> dict[str, str]:
    """Return the SHA-256 of each file that a replay reads beside its prices, by what it holds.

    Args:
        market: Names the files.
        sessions: Whose short-volume files are read; together they have one hash.
    """
    files = {"minutes": market.minutes_file, "splits": market.splits_file, "customers": market.customers_file}
    out = {f"file of {name}": _sha256(Path(path)) for name, path in files.items() if path}
    if market.short_volume == "folder":
        folder = Path(market.short_volume_folder)
        names = [name for day in sessions for name in (file_name(day), f"{file_name(day)}.gz")]
        held = [f"{name} {_sha256(folder / name)}" for name in names if (folder / name).exists()]
        out["folder of short volume"] = hashlib.sha256("\n".join(held).encode()).hexdigest()
    return out


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Told:
    """What a session is given from outside.

    Attributes:
        of: The session that it tells of.
        shares: As `market.outside`, shape (names, universe).
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

    async def look(self) -> Told | None:
        """Return what is known of the newest kept session; None where nothing can be.

        What does not come is unknown: a session is not held up for it.
        """
        memory = self._memory
        if not (self._outside.names and memory.sessions):
            return None
        bars = memory.panel(1).columns(memory.universe)
        session = bars.sessions[0]
        try:
            bars, splits = await self._in_raw_shares(bars)
            return Told(session, await self._outside.shares(bars, splits))
        except (ProviderError, ShortVolumeError) as error:
            log.warning("nothing from outside", session=str(session), reason=str(error))
            return None

    async def keep(self, connection: AsyncConnection, session: date, told: Told, now: datetime) -> None:
        """Write it beside the session that it is given to."""
        await OutsideStore(connection).add(session, told.of, self._memory.universe, told.shares, now)

    async def _in_raw_shares(self, bars: Panel) -> tuple[Panel, Splits | None]:
        """Return a live session's bar with the volume as it was traded.

        It is kept in the unit of the first bars, and providers have told every split since; where it is open
        whether one came before the session or after it, the ticker is unknown. The bars before the first live
        session were told at once: the splits' file says what they need.
        """
        if not self._live:
            return bars, None
        async with self._database.read() as connection:
            first = await RunStore(connection).first_session("forecast")
            if first is None or bars.sessions[0] < first:
                return bars, None
            factors = await BarStore(connection).split_factors(bars.sessions[0])
        factor = np.array([factors.get(ticker, 1.0) for ticker in bars.tickers])
        return replace(bars, volume=bars.volume * factor), dict.fromkeys(bars.tickers, ())
