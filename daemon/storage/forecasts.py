"""Forecasts and their outcomes as stored."""

from __future__ import annotations

from datetime import date

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.schema import forecasts, outcomes
from forecaster.forecast import Contribution, Direction, Forecast
from forecaster.label import Label
from market.panel import FloatArray


class ForecastStore:
    """Reads and writes forecasts and outcomes inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: date, model: int, horizon: int, made: tuple[Forecast, ...]) -> None:
        """Write one session's forecasts."""
        rows = [
            {
                "session": session,
                "ticker": one.ticker,
                "model": model,
                "horizon": horizon,
                "direction": one.direction.value,
                "confidence": number(one.confidence),
                "probability": number(one.probability),
                "log_odds": number(one.log_odds),
                "lean": number(one.lean),
                "contributions": [[part.name, part.log_odds, part.lean] for part in one.contributions],
                "coverage": one.coverage,
                "regime": one.regime,
                "reasoning": one.reasoning,
            }
            for one in made
        ]
        if rows:
            await self._connection.execute(insert(forecasts), rows)

    async def since(self, version: int) -> date | None:
        """Return the first session of the newest stretch that a model forecast; None before its first one."""
        others = select(func.max(forecasts.c.session)).where(forecasts.c.model != version).scalar_subquery()
        query = select(func.min(forecasts.c.session)).where(
            forecasts.c.model == version, (others.is_(None)) | (forecasts.c.session > others)
        )
        found: date | None = (await self._connection.execute(query)).scalar()
        return found

    async def of(self, session: date) -> tuple[Forecast, ...]:
        """Return the forecasts made at a session's close, by ticker."""
        query = select(forecasts).where(forecasts.c.session == session).order_by(forecasts.c.ticker)
        return tuple(
            Forecast(
                ticker=row.ticker,
                direction=Direction(row.direction),
                confidence=_float(row.confidence),
                probability=_float(row.probability),
                log_odds=_float(row.log_odds),
                lean=_float(row.lean),
                contributions=tuple(Contribution(*part) for part in row.contributions),
                reasoning=row.reasoning,
                coverage=row.coverage,
                regime=row.regime,
            )
            for row in await self._connection.execute(query)
        )

    async def resolve(
        self, session: date, resolved: date, tickers: tuple[str, ...], found: Label, came: FloatArray
    ) -> None:
        """Write the outcomes of one session's forecasts.

        Args:
            session: The session of the forecasts.
            resolved: The session at whose open they became known.
            tickers: The tickers forecast, in the order of the label's arrays.
            found: What the horizon brought.
            came: Whether that is what was asked, as `Label.came`.
        """
        key = {"session": session, "resolved": resolved}
        told = zip(tickers, _told(found, came), strict=True)
        rows = [key | {"ticker": ticker} | values for ticker, values in told]
        if rows:
            await self._connection.execute(insert(outcomes), rows)

    async def correct(self, session: date, tickers: tuple[str, ...], found: Label, came: FloatArray) -> None:
        """Write outcomes anew that follow from corrected or late bars; one that was not written stays so.

        Args:
            session: The session of the forecasts.
            tickers: The tickers forecast, in the order of the label's arrays.
            found: What the horizon brought.
            came: Whether that is what was asked, as `Label.came`.
        """
        key = (outcomes.c.session == session) & (outcomes.c.ticker == bindparam("of"))
        told = zip(tickers, _told(found, came), strict=True)
        rows = [{"of": ticker} | values for ticker, values in told]
        await self._connection.execute(update(outcomes).where(key), rows)

    async def resolved_on(self, resolved: date) -> tuple[tuple[str, float, float, bool, str], ...]:
        """Return (ticker, stated probability, outcome, whether up was forecast, regime) of what came."""
        same = (forecasts.c.session == outcomes.c.session) & (forecasts.c.ticker == outcomes.c.ticker)
        query = (
            select(
                forecasts.c.ticker,
                forecasts.c.probability,
                outcomes.c.came,
                forecasts.c.direction,
                forecasts.c.regime,
            )
            .join(outcomes, same)
            .where(
                outcomes.c.resolved == resolved,
                forecasts.c.probability.is_not(None),
                outcomes.c.came.is_not(None),
            )
            .order_by(outcomes.c.session, outcomes.c.ticker)
        )
        found = await self._connection.execute(query)
        return tuple(
            (row.ticker, row.probability, row.came, row.direction == Direction.UP, row.regime)
            for row in found
        )


def _told(found: Label, came: FloatArray) -> list[dict[str, float | None]]:
    median = number(found.median)
    pairs = zip(found.return_.tolist(), came.tolist(), strict=True)
    return [{"return_": number(one), "median": median, "came": number(it)} for one, it in pairs]


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
