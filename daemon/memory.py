"""The memory: the newest history as arrays, a function of what the store holds and nothing else.

It exists so that a session need not read years of rows. It is rebuilt from the store at a start and extended
only after the transaction that wrote the same rows has committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from daemon.storage.bars import BarStore, SessionBars
from daemon.storage.database import Database
from daemon.storage.features import FeatureStore
from daemon.storage.forecasts import ForecastStore
from forecaster.label import Label, label
from forecaster.model import Model, centred_ranks
from market.panel import FIELDS, FloatArray, Panel
from monitors.drift import DriftReference


@dataclass(slots=True)
class Memory:
    """The newest sessions, oldest first.

    Attributes:
        tickers: Every ticker whose bars are kept, benchmark series included.
        universe: Those that are forecast and traded.
        depth: How many sessions are kept.
        horizon: Sessions from entry to exit of a forecast.
        sessions: The sessions kept.
        bars: One array a session, shape (fields, tickers).
        features: One matrix a session, shape (universe, features).
        ranks: The same as centred ranks.
        beat: Known outcomes by session, shape (universe,); sessions not resolved yet are absent.
        model: The model in use, or None before the first fit.
        reference: What the model was trained on, prepared for drift; None before the first fit.
    """

    tickers: tuple[str, ...]
    universe: tuple[str, ...]
    depth: int
    horizon: int
    sessions: list[date] = field(default_factory=list)
    bars: list[FloatArray] = field(default_factory=list)
    features: dict[date, FloatArray] = field(default_factory=dict)
    ranks: dict[date, FloatArray] = field(default_factory=dict)
    beat: dict[date, FloatArray] = field(default_factory=dict)
    model: Model | None = None
    reference: DriftReference | None = None

    async def restore(self, database: Database) -> None:
        """Rebuild everything but `reference` from the store."""
        async with database.read() as connection:
            panel = await BarStore(connection).tail(self.depth, self.tickers)
            self.model = await ForecastStore(connection).newest_model()
            self.sessions = list(panel.sessions)
            if self.sessions:
                self.features = await FeatureStore(connection).since(self.sessions[0], self.universe)
        stacked = np.stack([getattr(panel, name) for name in FIELDS], axis=1)
        self.bars = list(stacked)
        self.ranks = {day: centred_ranks(matrix) for day, matrix in self.features.items()}
        self.beat = {day: found.beat for day in self.sessions if (found := self.outcome(day)) is not None}

    def append(self, day: SessionBars) -> None:
        """Add a session's bars, and the outcomes they bring, and forget what is older than the depth."""
        self.sessions.append(day.session)
        self.bars.append(day.values)
        resolved = self.resolved_by(day.session)
        if resolved is not None and (found := self.outcome(resolved)) is not None:
            self.beat[resolved] = found.beat
        while len(self.sessions) > self.depth:
            gone = self.sessions.pop(0)
            self.bars.pop(0)
            for kept in (self.features, self.ranks, self.beat):
                kept.pop(gone, None)

    def panel(self, count: int) -> Panel:
        """Return the newest `count` sessions, or as many as there are."""
        newest = self.bars[-count:]
        if not newest:
            raise ValueError("memory holds no session yet")
        return Panel(tuple(self.sessions[-count:]), self.tickers, *np.stack(newest, axis=1))

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
        start = self.sessions.index(session)
        stop = start + self.horizon + 2
        if stop > len(self.sessions):
            return None
        span = Panel(tuple(self.sessions[start:stop]), self.tickers, *np.stack(self.bars[start:stop], axis=1))
        return label(span, self.universe, 0, self.horizon)

    def training(self, count: int) -> tuple[date, ...]:
        """Return the newest `count` sessions that have features and a known outcome."""
        known = [day for day in self.sessions if day in self.beat and day in self.features]
        useful = [day for day in known if not np.isnan(self.beat[day]).all() and self._covered(day)]
        return tuple(useful[-count:])

    def _covered(self, session: date) -> bool:
        return bool((~np.isnan(self.features[session])).mean() >= 0.5)

    def between(self, first: date, last: date) -> FloatArray:
        """Return the features from session `first` to `last`, shape (sessions, universe, features)."""
        return np.stack([m for day, m in sorted(self.features.items()) if first <= day <= last])

    def window(self, count: int) -> FloatArray | None:
        """Return the features of the newest `count` sessions; None where fewer are known."""
        newest = self.sessions[-count:]
        if len(newest) < count or any(day not in self.features for day in newest):
            return None
        return np.stack([self.features[day] for day in newest])
