"""The references: what the newest sessions are held against, a function of what the store holds.

Nothing of them is stored: a reference is named by a model's version, whose training sessions and whose
features the store keeps, and is prepared anew from there, at a start as whenever a model comes into use.

The newest training sessions are left out: those that lie in the window of the day on which the model was
fitted. Every later window begins later still, so that no session is ever held against itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.compute import Compute
from daemon.configuration.settings import MonitorSettings
from daemon.storage.features import FeatureStore
from daemon.storage.models import ModelStore
from daemon.storage.regimes import RegimeStore
from forecaster.model_version import ModelVersion
from forecaster.regime import REGIMES
from market.panel import FloatArray
from monitors.reference_policy import Policy
from monitors.references import Reference, prepare_both, prepare_per_regime

if TYPE_CHECKING:
    from daemon.memory import Memory

VOLATILITY = {regime: regime.split("_")[1] for regime in REGIMES}
"""Calm or volatile, of each regime: one of the twelve alone is too short for windows of its own."""

EVERY = "every session"
"""What the one reference is kept under where there is not one for each regime."""


async def refer(
    connection: AsyncConnection, memory: Memory, compute: Compute, settings: MonitorSettings
) -> None:
    """Prepare what the newest sessions are held against, now that a model has come into use."""
    policy, window = settings.reference, settings.window_sessions
    if memory.champion is not None and policy is Policy.FIXED and memory.references:
        return
    memory.references = {}
    model = await _referred(connection, memory, policy)
    if model is None:
        return
    span = model.train_from, model.fitted_on
    features = await FeatureStore(connection).between(*span, memory.universe, memory.set.fingerprint)
    days = [day for day in sorted(features)[:-window] if day <= model.train_to]
    if not days:
        return
    history, names = np.stack([features[day] for day in days]), memory.set.names
    origin = f"model {model.version} ({days[0]} to {days[-1]})"
    if policy is not Policy.PER_REGIME:
        found = await compute.run(prepare_both, history, names, window=window, origin=origin)
        memory.references = {EVERY: found}
        return
    regimes = await RegimeStore(connection).between(*span)
    kinds = [VOLATILITY.get(regimes.get(day, ""), "") for day in days]
    memory.references = await compute.run(
        prepare_per_regime, history, names, kinds, window=window, origin=origin
    )


async def _referred(connection: AsyncConnection, memory: Memory, policy: Policy) -> ModelVersion | None:
    """Return the model that the policy names; None before the first."""
    if memory.champion is None or policy is not Policy.FIXED:
        return memory.champion
    models = await ModelStore(connection).all()
    return next((model for model in models if memory.fits(model)), None)


def compared(memory: Memory, settings: MonitorSettings) -> tuple[FloatArray | None, Reference | None]:
    """Return the newest window, shape (sessions, universe, features), and what it is held against.

    Per regime that is the reference of the newest session's; a window that spans more than one regime is
    None, as is one of too few sessions.
    """
    window = memory.window(settings.window_sessions)
    if settings.reference is not Policy.PER_REGIME:
        return window, memory.references.get(EVERY)
    newest = memory.sessions[-settings.window_sessions :]
    kinds = [VOLATILITY.get(memory.regimes.get(day, ""), "") for day in newest]
    return window if len(set(kinds)) == 1 else None, memory.references.get(kinds[-1])
