"""The verbs a person has about models: put one into use on evidence, or go back to an earlier one.

Each works inside the caller's transaction and leaves an audit row. A running daemon takes the model over with
its next forecasts; the gate is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.audit import AuditStore
from daemon.storage.database import number
from daemon.storage.features import FeatureStore
from daemon.storage.gates import GateStore
from daemon.storage.models import Action, ModelStore, Move
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
    store, last, model = await _found(connection, version, at)
    champion = await store.get(last.version)
    if champion is None:
        raise VerbError(f"model {last.version} is in use but not stored; roll back to one that is")
    evidence = await held_against(connection, champion, model, sectors)
    if not evidence.promotes:
        raise VerbError(f"model {version} {evidence.words}; `forewarn model rollback` needs no evidence")
    return await _moved(store, connection, last, model, Action.PROMOTE, evidence.words, actor, at, evidence)


async def rollback(
    connection: AsyncConnection, version: int | None, *, reason: str, actor: str, at: datetime
) -> Move:
    """Go back to a model that was in use before; from then on, newer ones need evidence.

    Args:
        connection: The caller's transaction.
        version: Which; None takes the one that was in use before the present one.
        reason: Why; kept for ever.
        actor: Who says so.
        at: The instant, aware UTC.

    Raises:
        VerbError: There is no such version, it was never in use, or no reason is given.
    """
    if not reason.strip():
        raise VerbError("a rollback needs a reason; give --reason")
    if version is None:
        version = await _previous(connection)
    store, last, model = await _found(connection, version, at)
    if version not in {move.version for move in await store.moves()}:
        raise VerbError(
            f"model {version} was never in use; `forewarn model promote {version}` asks for evidence"
        )
    return await _moved(store, connection, last, model, Action.ROLLBACK, reason.strip(), actor, at, None)


async def held_against(
    connection: AsyncConnection,
    champion: ModelVersion,
    challenger: ModelVersion,
    sectors: Mapping[str, str],
) -> Evidence:
    """Hold one model against another on every stored session that was resolved since both were fitted.

    Raises:
        VerbError: They read different features.
    """
    if champion.features != challenger.features:
        raise VerbError(
            f"models {champion.version} and {challenger.version} read different features; the store holds "
            "only those of one set"
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
    shape = (len(days), len(universe), len(challenger.features))
    known = [[came.get((day, ticker)) for ticker in universe] for day in days]
    resolved = History(
        sessions=tuple(days),
        ranks=np.array([centred_ranks(features[day]) for day in days]).reshape(shape),
        outcomes=np.array(known, dtype=np.float64).reshape(shape[:2]),
        signals=tuple(Signal(one.name, "", one.features) for one in challenger.signals),
        regimes=tuple(regime.get(day, "") for day in days),
        sectors=tuple(sectors.get(ticker, "") for ticker in universe) if sectors else (),
    )
    return challenge(champion, challenger, resolved)


async def _found(
    connection: AsyncConnection, version: int, at: datetime
) -> tuple[ModelStore, Move, ModelVersion]:
    await GateStore(connection).hold(at)  # the audit trail asks for it
    store = ModelStore(connection)
    last, model = await store.last_move(), await store.get(version)
    if last is None:
        raise VerbError("no model is in use yet: the first one is fitted once enough sessions are resolved")
    if model is None:
        raise VerbError(f"there is no model {version}; see `forewarn model list`")
    if version == last.version:
        raise VerbError(f"model {version} is in use already")
    return store, last, model


async def _previous(connection: AsyncConnection) -> int:
    last = await ModelStore(connection).last_move()
    if last is None or last.before is None:
        raise VerbError("no other model was ever in use: there is nothing to go back to")
    return last.before


async def _moved(
    store: ModelStore,
    connection: AsyncConnection,
    last: Move,
    model: ModelVersion,
    action: Action,
    reason: str,
    actor: str,
    at: datetime,
    evidence: Evidence | None,
) -> Move:
    move = Move(
        at=at,
        session=None,
        action=action,
        version=model.version,
        before=last.version,
        actor=actor,
        reason=reason,
        e_value=evidence.e_value if evidence else None,
        gain=number(evidence.gain) if evidence else None,
    )
    await store.move(move)
    detail = {"version": move.version, "before": move.before, "reason": reason}
    await AuditStore(connection).add(at, actor, f"model.{action}", detail)
    return move
