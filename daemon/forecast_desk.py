"""The forecast desk: which model speaks, how its forecasts came true, and when another takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.compute import Compute
from daemon.configuration.settings import Settings
from daemon.forecasting import PATIENCE, judged, make_forecasts, opened, resolve, succession, why_promoted
from daemon.memory import Memory
from daemon.references import refer
from daemon.storage.database import Database, number
from daemon.storage.models import ModelStore
from daemon.storage.moves import Action, Move, MoveStore
from forecaster.calibration.book import CalibrationBook, Decision
from forecaster.forecast import Forecast
from forecaster.model_version import ModelVersion
from forecaster.training import Training, TrainingError, fit
from market.panel import FloatArray
from market.revisions import Revision

Outcome = tuple[ModelVersion, CalibrationBook, FloatArray, FloatArray, str, tuple[str, ...]]
"""What `forecasting.resolve` takes."""


@dataclass(slots=True)
class Change:
    """What one session changes about the models.

    Attributes:
        champion: The model that forecasts this session; None before the first fit.
        book: How its forecasts have come true.
        fitted: The model fitted in this session; None where none was due.
        move: How the champion came to be another one; None where it stays.
        unfitted: Why a fit that was due could not be made; "" where it could, or none was due.
    """

    champion: ModelVersion | None
    book: CalibrationBook
    fitted: ModelVersion | None = None
    move: Move | None = None
    unfitted: str = ""


class ForecastDesk:
    """Computes on the executor what the memory's champion says, and keeps the memory up to date."""

    def __init__(self, memory: Memory, database: Database, compute: Compute, settings: Settings) -> None:
        """Wire the desk.

        Args:
            memory: Whose champion, newest model, book and references it keeps.
            database: Holds the features that references are made of.
            compute: Where models are fitted and forecast.
            settings: The configuration.
        """
        self._memory, self._database, self._compute = memory, database, compute
        self._forecast, self._monitors = settings.forecast, settings.monitors
        known = settings.market.sector_of()
        sectors = tuple(known.get(ticker, "") for ticker in memory.universe)
        self._sectors = sectors if any(sectors) else ()
        self._training = Training(
            horizon=self._forecast.horizon_sessions,
            target=self._forecast.target,
            sessions=self._forecast.train_sessions,
            least_strength=self._forecast.least_strength,
        )

    async def look(self, connection: AsyncConnection, session: date) -> None:
        """Take over the model that a person has put into use since the last session."""
        if await self._memory.adopt(connection):
            await self.take_over(connection, self._memory.before(session))

    async def change(self, session: date, now: datetime) -> Change:
        """Fit a model, or judge the one that waits, where that is due; say who forecasts this session."""
        memory, champion, newest = self._memory, self._memory.champion, self._memory.newest
        stays = Change(champion, memory.book)
        if not self._is_due(session):
            return stays
        history = memory.history(self._forecast.train_sessions + self._training.purge, self._sectors)
        before = memory.last_move.version if memory.last_move else None
        if champion and newest and memory.is_waiting(newest):
            found, wins = await self._compute.run(judged, champion, newest, history, memory.last_move)
            if wins:
                proof = (why_promoted(found), found.e_value, number(found.gain))
                move = Move(now, session, Action.PROMOTE, newest.version, before, "forewarn", *proof)
                return Change(newest, opened(newest), None, move)
            if found.sessions < PATIENCE:
                return stays
        version = newest.version + 1 if newest else 1
        try:
            fitted = await self._compute.run(fit, history, version=version, training=self._training)
        except TrainingError as error:  # as where no price has moved: the champion stays, and it is told
            return Change(champion, memory.book, unfitted=str(error))
        action = succession(champion, fitted, memory.last_move)
        if action is None:
            return Change(champion, memory.book, fitted)
        why = "the first model" if action is Action.FIRST else "the same recipe on newer sessions"
        move = Move(now, session, action, version, before, "forewarn", why)
        return Change(fitted, opened(fitted), fitted, move)

    async def forecasts(self, session: date, change: Change) -> tuple[Forecast, ...]:
        """Forecast every ticker at a session's close; empty before the first model."""
        memory = self._memory
        if change.champion is None:
            return ()
        return await self._compute.run(
            make_forecasts,
            change.champion,
            change.book,
            memory.ranks[session],
            memory.universe,
            memory.regimes.get(session, ""),
            self._sectors,
        )

    async def keep(self, connection: AsyncConnection, change: Change) -> None:
        """Write what was fitted and who took over, inside the caller's transaction.

        A person who has put another model into use meanwhile is obeyed: the session's forecasts are the ones
        that were made, the next ones are that model's.
        """
        store = MoveStore(connection)
        if change.fitted:
            await ModelStore(connection).add(change.fitted, self._memory.set.fingerprint)
        if change.move and await store.last() != self._memory.last_move:
            change.move = None
        if change.move:
            await store.add(change.move)

    async def follow(self, session: date, change: Change) -> None:
        """Take over in memory what the committed transaction has changed."""
        memory = self._memory
        memory.newest = change.fitted or memory.newest
        if change.move:
            memory.champion, memory.last_move, memory.since = change.champion, change.move, None
            memory.used = max(memory.used, change.move.version)
            async with self._database.read() as connection:
                await self.take_over(connection, memory.before(session))
        if memory.champion and memory.since is None:
            memory.since = session

    async def entered(self, session: date) -> tuple[CalibrationBook, tuple[Decision, ...]]:
        """Return the champion's book after the outcomes that a session's open brings."""
        memory, day = self._memory, self._memory.resolved_by(session)
        if day is None or day not in memory.forecast_by_champion(session):
            return memory.book, ()
        return await self._compute.run(resolve, *self._outcome(memory.book, day))

    async def take_over(self, connection: AsyncConnection, settled: date | None) -> None:
        """Open the champion's book, enter what it has forecast so far, and prepare what it is held against.

        Args:
            connection: Reads what it is held against.
            settled: The newest session whose open has been entered.
        """
        if self._memory.champion is not None:
            await self._read_book(self._memory.champion, settled)
        await refer(connection, self._memory, self._compute, self._monitors)

    async def revise(self, changes: tuple[Revision, ...]) -> None:
        """Take over corrected and late bars in memory, and read the book again where they change an outcome.

        So the book is what a restart reads from the store, whatever was told when.
        """
        memory = self._memory
        changed = memory.revise(changes)
        settled = memory.sessions[-1] if memory.sessions else None
        if memory.champion and settled and set(changed) & set(memory.forecast_by_champion(settled)):
            await self._read_book(memory.champion, settled)

    async def _read_book(self, champion: ModelVersion, settled: date | None) -> None:
        book = opened(champion)
        for day in self._memory.forecast_by_champion(settled) if settled else ():
            book, _ = await self._compute.run(resolve, *self._outcome(book, day))
        self._memory.book = book

    def _is_due(self, session: date) -> bool:
        newest = self._memory.newest
        if newest is None or self._memory.champion is None:
            return self._memory.resolved() >= self._forecast.min_train_sessions
        since = sum(day > newest.fitted_on for day in self._memory.sessions if day <= session)
        return since > 0 and since % self._forecast.refit_sessions == 0

    def _outcome(self, book: CalibrationBook, day: date) -> Outcome:
        memory = self._memory
        if memory.champion is None:
            raise RuntimeError(f"session {day} was forecast by no model")
        regime = memory.regimes.get(day, "")
        return memory.champion, book, memory.ranks[day], memory.came[day], regime, self._sectors
