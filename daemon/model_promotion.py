"""Putting a newer model into use, on evidence only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.model_rollback import put_into_use, replaced_by
from daemon.storage.database import number
from daemon.storage.features import FeatureStore
from daemon.storage.models import ModelStore
from daemon.storage.moves import Action, Move
from daemon.storage.schema import forecasts, models, outcomes, regimes
from daemon.verbs import VerbError
from forecaster.challenge import Evidence, challenge
from forecaster.model_version import ModelVersion
from forecaster.ranks import centred_ranks
from forecaster.regime import UNKNOWN
from forecaster.signals import History, Signal


async def promote(
    connection: AsyncConnection, version: int, *, sectors: Mapping[str, str], actor: str, at: datetime
) -> Move:
    """Put a model into use that has forecast better than the one in use since both were fitted.

    Args:
        connection: The caller's transaction.
        version: Which.
        sectors: Sector by ticker.
        actor: Who says so.
        at: The instant, aware UTC.

    Raises:
        VerbError: There is no such version, it is in use, or the evidence does not carry it.
    """
    before = await replaced_by(connection, version, at)
    store = ModelStore(connection)
    champion, model = await store.get(before), await store.get(version)
    if champion is None or model is None:
        raise VerbError(f"model {before} is in use but not stored; roll back to one that is")
    evidence = await held_against(connection, champion, model, sectors)
    if not evidence.promotes:
        raise VerbError(f"model {version} {evidence.words}; `forewarn model rollback` needs no evidence")
    gain = number(evidence.gain)
    move = Move(at, None, Action.PROMOTE, version, before, actor, evidence.words, evidence.e_value, gain)
    return await put_into_use(connection, move)


async def held_against(
    connection: AsyncConnection,
    champion: ModelVersion,
    challenger: ModelVersion,
    sectors: Mapping[str, str],
) -> Evidence:
    """Hold one model against another on every stored session that was resolved since both were fitted.

    Raises:
        VerbError: They are given different features.
    """
    if champion.given != challenger.given:
        raise VerbError(
            f"models {champion.version} and {challenger.version} are given different features; the store "
            "holds only those of one set"
        )
    after = max(champion.fitted_on, challenger.fitted_on)
    made_from = select(models.c.feature_set).where(models.c.version == challenger.version)
    feature_set = str((await connection.execute(made_from)).scalar_one())
    named = await connection.execute(
        select(forecasts.c.ticker).where(forecasts.c.session > after).distinct().order_by(forecasts.c.ticker)
    )
    universe = tuple(named.scalars())
    features = await FeatureStore(connection).since(after, universe, feature_set)
    days = sorted(day for day in features if day > after)
    found = await connection.execute(select(outcomes).where(outcomes.c.session > after))
    came = {(row.session, row.ticker): row.came for row in found}
    called = await connection.execute(select(regimes.c.session, regimes.c.name))
    regime = {row.session: "" if row.name == UNKNOWN else row.name for row in called}
    shape = (len(days), len(universe), len(challenger.given))
    known = [[came.get((day, ticker)) for ticker in universe] for day in days]
    resolved = History(
        sessions=tuple(days),
        ranks=np.array([centred_ranks(features[day]) for day in days]).reshape(shape),
        outcomes=np.array(known, dtype=np.float64).reshape(shape[:2]),
        signals=(Signal("given", "", challenger.given),),
        regimes=tuple(regime.get(day, "") for day in days),
        sectors=tuple(sectors.get(ticker, "") for ticker in universe) if sectors else (),
    )
    return challenge(champion, challenger, resolved)
