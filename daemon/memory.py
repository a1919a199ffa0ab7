"""The memory: the newest history as arrays, a function of what the store holds and nothing else.

It exists so that a session need not read years of rows. It is rebuilt from the store at a start and extended
only after the transaction that wrote the same rows has committed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.feature_set import FeatureSet
from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.features import FeatureStore
from daemon.storage.forecasts import ForecastStore
from daemon.storage.models import ModelStore
from daemon.storage.moves import Move, MoveStore
from daemon.storage.outside import OutsideStore
from daemon.storage.regimes import RegimeStore
from forecaster.calibration.book import CalibrationBook
from forecaster.label import Label, label
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.regime import UNKNOWN, Regime, RegimeState, follow
from forecaster.signals import History
from forecaster.target import Target
from market.outside import unknown
from market.panel import FIELDS, FloatArray, Panel
from market.revisions import Revision
from monitors.references import Reference


@dataclass(slots=True)
class Memory:
    """The newest sessions, oldest first.

    Attributes:
        tickers: Every ticker whose bars are kept, benchmark series included.
        universe: Those that are forecast and traded.
        depth: How many sessions are kept.
        horizon: Sessions from entry to exit of a forecast.
        target: What is forecast.
        set: The features.
        sessions: The sessions kept.
        bars: One array a session, shape (fields, tickers).
        outside: What was told from outside by a session's close, shape (kept, universe), as
            `market.outside`; absent where nothing was.
        features: One matrix a session, shape (universe, features).
        ranks: The same as centred ranks.
        came: Known outcomes by session, shape (universe,); sessions not resolved yet are absent.
        market: What the regimes remember.
        regimes: Name of the regime by session; "" where it is not known yet.
        champion: The model in use, or None before the first fit.
        since: The first session that it forecast; None before that.
        last_move: How it came into use; None before the first fit.
        used: Greatest version that was ever in use; 0 before the first fit.
        newest: The model fitted last, or None before the first fit.
        book: How the champion's forecasts have come true.
        references: What the newest sessions are held against, as `daemon.references` keeps it; empty before
            the first fit.
    """

    tickers: tuple[str, ...]
    universe: tuple[str, ...]
    depth: int
    horizon: int
    target: Target
    set: FeatureSet
    sessions: list[date] = field(default_factory=list)
    bars: list[FloatArray] = field(default_factory=list)
    outside: dict[date, FloatArray] = field(default_factory=dict)
    features: dict[date, FloatArray] = field(default_factory=dict)
    ranks: dict[date, FloatArray] = field(default_factory=dict)
    came: dict[date, FloatArray] = field(default_factory=dict)
    market: RegimeState = field(default_factory=RegimeState)
    regimes: dict[date, str] = field(default_factory=dict)
    champion: ModelVersion | None = None
    since: date | None = None
    last_move: Move | None = None
    used: int = 0
    newest: ModelVersion | None = None
    book: CalibrationBook = field(default_factory=CalibrationBook)
    references: dict[str, Reference] = field(default_factory=dict)

    async def restore(self, database: Database) -> None:
        """Rebuild everything but `book` and `references` from the store."""
        async with database.read() as connection:
            panel = await BarStore(connection).tail(self.depth, self.tickers)
            self.newest = await ModelStore(connection).newest()
            await self.adopt(connection)
            self.sessions = list(panel.sessions)
            if self.sessions:
                self.outside = await OutsideStore(connection).since(self.sessions[0], self.universe)
                self.features = await FeatureStore(connection).since(
                    self.sessions[0], self.universe, self.set.fingerprint
                )
            seen = await RegimeStore(connection).observations()
        self.market, past = await asyncio.to_thread(follow, seen.values())
        for session, regime in zip(seen, past, strict=True):
            self._name(session, regime)
        stacked = np.stack([getattr(panel, name) for name in FIELDS], axis=1)
        self.bars = list(stacked)
        self.ranks = {day: centred_ranks(matrix) for day, matrix in self.features.items()}
        found = {day: self.outcome(day) for day in self.sessions}
        self.came = {day: one.came(self.target) for day, one in found.items() if one is not None}

    async def adopt(self, connection: AsyncConnection) -> bool:
        """Take over the model that the store has in use; return whether it is another one."""
        moves = MoveStore(connection)
        self.last_move, self.used = await moves.last(), await moves.newest_used()
        if self.last_move is None or (self.champion and self.champion.version == self.last_move.version):
            return False
        found = await ModelStore(connection).get(self.last_move.version)
        self.champion = found if found and self.fits(found) else None
        self.since = await ForecastStore(connection).since(self.last_move.version)
        return True

    def fits(self, model: ModelVersion) -> bool:
        """Whether a model forecasts what the configuration asks for, from what it provides."""
        wanted = (self.target, self.horizon, self.set.names)
        return (model.target, model.horizon, model.given) == wanted

    def append(self, day: SessionBars, outside: FloatArray | None = None) -> None:
        """Add a session's bars, what was told from outside by its close, and the outcomes that they bring.

        What is older than the depth is forgotten.
        """
        self.sessions.append(day.session)
        self.bars.append(day.values)
        if outside is not None:
            self.outside[day.session] = outside
        resolved = self.resolved_by(day.session)
        if resolved is not None and (found := self.outcome(resolved)) is not None:
            self.came[resolved] = found.came(self.target)
        while len(self.sessions) > self.depth:
            gone = self.sessions.pop(0)
            self.bars.pop(0)
            for kept in (self.outside, self.features, self.ranks, self.came, self.regimes):
                kept.pop(gone, None)

    def rederived(self, changes: tuple[Revision, ...]) -> dict[date, Label]:
        """Return the outcomes that follow from corrected and late bars, by session; nothing changes yet."""
        bars, rows = self._revised(changes)
        spans = {start for row in rows for start in range(max(row - self.horizon - 1, 0), row + 1)}
        found = {self.sessions[start]: self._outcome(start, bars) for start in sorted(spans)}
        return {session: one for session, one in found.items() if one is not None}

    def revise(self, changes: tuple[Revision, ...]) -> tuple[date, ...]:
        """Take over corrected and late bars and what they bring; features stay as they were.

        Returns:
            The sessions whose outcome has changed.
        """
        came = {session: one.came(self.target) for session, one in self.rederived(changes).items()}
        self.bars, _ = self._revised(changes)
        changed = [
            session
            for session, one in came.items()
            if session not in self.came or not np.array_equal(self.came[session], one, equal_nan=True)
        ]
        self.came |= came
        return tuple(changed)

    def _revised(self, changes: tuple[Revision, ...]) -> tuple[list[FloatArray], frozenset[int]]:
        """Return the bars with corrected and late ones in their place, and the rows that differ."""
        if not changes:
            return self.bars, frozenset()
        place = {session: i for i, session in enumerate(self.sessions)}
        column = {ticker: i for i, ticker in enumerate(self.tickers)}
        told = [one for one in changes if one.values and one.session in place]
        rows = frozenset(place[one.session] for one in told)
        bars = [values.copy() if row in rows else values for row, values in enumerate(self.bars)]
        for one in told:
            bars[place[one.session]][:, column[one.ticker]] = one.values
        return bars, rows

    def follow(self, session: date, state: RegimeState, regime: Regime) -> None:
        """Take over what a session's close made of the regime."""
        self.market = state
        self._name(session, regime)

    def _name(self, session: date, regime: Regime) -> None:
        if session in self.sessions:
            self.regimes[session] = "" if regime.name == UNKNOWN else regime.name

    def panel(self, count: int) -> Panel:
        """Return the newest `count` sessions, or as many as there are."""
        newest = self.bars[-count:]
        if not newest:
            raise ValueError("memory holds no session yet")
        return Panel(tuple(self.sessions[-count:]), self.tickers, *np.stack(newest, axis=1))

    def shares(self, count: int) -> FloatArray:
        """Return what outside told by the newest `count` closes, shape (kept, sessions, universe)."""
        nothing = unknown(len(self.universe))
        return np.stack([self.outside.get(day, nothing) for day in self.sessions[-count:]], axis=1)

    def prices(self, session: date, field: str) -> dict[str, float]:
        """Return the known values of a field at a kept session, by ticker."""
        values = self.bars[self.sessions.index(session)][FIELDS.index(field)]
        pairs = zip(self.tickers, values.tolist(), strict=True)
        return {ticker: price for ticker, price in pairs if not np.isnan(price)}

    def before(self, session: date) -> date | None:
        """Return the session before one that is kept; None where it is the oldest."""
        place = self.sessions.index(session)
        return self.sessions[place - 1] if place else None

    def resolved_by(self, session: date) -> date | None:
        """Return the session whose forecasts' outcomes a session's open brings, or None."""
        place = self.sessions.index(session) - 1 - self.horizon
        return self.sessions[place] if place >= 0 else None

    def outcome(self, session: date) -> Label | None:
        """Return what a session's forecasts brought, or None while that is unknown."""
        return self._outcome(self.sessions.index(session), self.bars)

    def _outcome(self, start: int, bars: list[FloatArray]) -> Label | None:
        stop = start + self.horizon + 2
        if stop > len(self.sessions):
            return None
        span = Panel(tuple(self.sessions[start:stop]), self.tickers, *np.stack(bars[start:stop], axis=1))
        return label(span, self.universe, 0, self.horizon)

    def resolved(self) -> int:
        """Return how many sessions have features and a known outcome."""
        known = [day for day in self.sessions if day in self.came and self._covered(day)]
        return sum(not np.isnan(self.came[day]).all() for day in known)

    def history(self, count: int, sectors: tuple[str, ...]) -> History:
        """Return the newest `count` sessions that have features, with what is known of their outcomes."""
        days = tuple(day for day in self.sessions if self._covered(day))[-count:]
        unknown = np.full(len(self.universe), np.nan)
        return History(
            sessions=days,
            ranks=np.stack([self.ranks[day] for day in days]),
            outcomes=np.stack([self.came.get(day, unknown) for day in days]),
            signals=self.set.signals,
            regimes=tuple(self.regimes.get(day, "") for day in days),
            sectors=sectors,
        )

    def forecast_by_champion(self, upto: date) -> tuple[date, ...]:
        """Return the sessions that the champion forecast and that were resolved by a session, in order."""
        settled = self.resolved_by(upto) if upto in self.sessions else None
        if self.since is None or settled is None:
            return ()
        return tuple(day for day in self.sessions if self.since <= day <= settled and day in self.came)

    def is_waiting(self, model: ModelVersion) -> bool:
        """Whether a model was fitted after all that were ever in use, and waits for evidence."""
        return model.version > self.used

    def _covered(self, session: date) -> bool:
        return session in self.features and bool((~np.isnan(self.features[session])).mean() >= 0.5)

    def window(self, count: int) -> FloatArray | None:
        """Return the features of the newest `count` sessions; None where fewer are known."""
        newest = self.sessions[-count:]
        if len(newest) < count or any(day not in self.features for day in newest):
            return None
        return np.stack([self.features[day] for day in newest])
