"""Models, forecasts and their outcomes as stored."""

from __future__ import annotations

from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.database import number
from daemon.storage.features import FEATURE_SET
from daemon.storage.schema import forecasts, models, outcomes
from forecaster.label import Label
from forecaster.model import Direction, Forecast, Model


class ForecastStore:
    """Reads and writes models, forecasts and outcomes inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_model(self, model: Model) -> None:
        """Write a fitted model."""
        row = {
            "version": model.version,
            "fitted_on": model.fitted_on,
            "train_from": model.train_from,
            "train_to": model.train_to,
            "feature_set": FEATURE_SET,
            "parameters": {
                "features": list(model.features),
                "coefficients": list(model.coefficients),
                "intercept": model.intercept,
                "n": model.n,
                "log_loss": model.log_loss,
            },
        }
        await self._connection.execute(insert(models), [row])

    async def newest_model(self) -> Model | None:
        """Return the model fitted last."""
        found = await self._connection.execute(select(models).order_by(models.c.version.desc()).limit(1))
        row = found.first()
        if row is None:
            return None
        parameters = row.parameters
        return Model(
            version=row.version,
            fitted_on=row.fitted_on,
            train_from=row.train_from,
            train_to=row.train_to,
            features=tuple(parameters["features"]),
            coefficients=tuple(parameters["coefficients"]),
            intercept=parameters["intercept"],
            n=parameters["n"],
            log_loss=parameters["log_loss"],
        )

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
                "contributions": list(one.contributions),
                "reasoning": one.reasoning,
            }
            for one in made
        ]
        if rows:
            await self._connection.execute(insert(forecasts), rows)

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
                contributions=tuple(row.contributions),
                reasoning=row.reasoning,
            )
            for row in await self._connection.execute(query)
        )

    async def resolve(self, session: date, resolved: date, tickers: tuple[str, ...], found: Label) -> None:
        """Write the outcomes of one session's forecasts.

        Args:
            session: The session of the forecasts.
            resolved: The session at whose open they became known.
            tickers: The tickers forecast, in the order of the label's arrays.
            found: What the horizon brought.
        """
        rows = [
            {
                "session": session,
                "ticker": ticker,
                "resolved": resolved,
                "return_": number(float(found.return_[i])),
                "median": number(found.median),
                "beat": number(float(found.beat[i])),
            }
            for i, ticker in enumerate(tickers)
        ]
        if rows:
            await self._connection.execute(insert(outcomes), rows)

    async def resolved_on(self, resolved: date) -> tuple[tuple[str, float, float], ...]:
        """Return (ticker, stated probability, outcome 1.0 or 0.0) of what became known in a session."""
        same = (forecasts.c.session == outcomes.c.session) & (forecasts.c.ticker == outcomes.c.ticker)
        query = (
            select(forecasts.c.ticker, forecasts.c.probability, outcomes.c.beat)
            .join(outcomes, same)
            .where(
                outcomes.c.resolved == resolved,
                forecasts.c.probability.is_not(None),
                outcomes.c.beat.is_not(None),
            )
            .order_by(outcomes.c.session, outcomes.c.ticker)
        )
        found = await self._connection.execute(query)
        return tuple((row.ticker, row.probability, row.beat) for row in found)


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
