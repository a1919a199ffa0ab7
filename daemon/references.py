"""The references: what the newest sessions are held against, a function of what the store holds.

Nothing of them is stored: a reference is named by a model's version, whose training sessions and whose
features the store keeps, and is prepared anew at a start.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.compute import Compute
from daemon.configuration.settings import MonitorSettings
from daemon.storage.features import FeatureStore
from daemon.storage.models import ModelStore
from forecaster.model_version import ModelVersion
from forecaster.regime import REGIMES
from market.panel import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.joint import prepare_joint
from monitors.reference_policy import Policy
from monitors.references import prepare_per_regime

if TYPE_CHECKING:
    from daemon.memory import Memory

VOLATILITY = {regime: regime.split("_")[1] for regime in REGIMES}
"""Calm or volatile, of each regime: one of the twelve alone is too short for windows of its own."""

First = tuple[ModelVersion, dict[date, FloatArray]]
"""The first model that forecast what is forecast now, and the features of its training sessions."""


async def read_first(connection: AsyncConnection, memory: Memory) -> First | None:
    """Read what a fixed reference is made of; None before the first model."""
    models = (model for model in await ModelStore(connection).all() if memory.fits(model))
    first = next(models, None)
    if first is None:
        return None
    store = FeatureStore(connection)
    span = first.train_from, first.train_to
    return first, await store.between(*span, memory.universe, memory.set.fingerprint)


async def refer(memory: Memory, compute: Compute, settings: MonitorSettings) -> None:
    """Prepare what the newest sessions are held against, now that a model has come into use."""
    model = memory.champion
    if model is None or (settings.reference is Policy.FIXED and memory.reference is not None):
        return
    model, features = memory.first or (model, memory.between(model.train_from, model.train_to))
    memory.first = memory.reference = memory.joint = None
    memory.by_volatility = {}
    if not features:
        return
    days, names, window = sorted(features), memory.set.names, settings.window_sessions
    history = np.stack([features[day] for day in days])
    origin = f"model {model.version} ({days[0]} to {days[-1]})"
    memory.joint = await compute.run(prepare_joint, history, names, window=window)
    memory.reference = await compute.run(prepare_reference, history, names, window=window, origin=origin)
    if settings.reference is Policy.PER_REGIME:
        kinds = [VOLATILITY.get(memory.regimes.get(day, ""), "") for day in days]
        memory.by_volatility = await compute.run(
            prepare_per_regime, history, names, kinds, window=window, origin=origin
        )


def reference_of(memory: Memory, session: date, policy: Policy) -> DriftReference | None:
    """Return what a session's window is held against; None where there is none for its regime."""
    if policy is not Policy.PER_REGIME:
        return memory.reference
    return memory.by_volatility.get(VOLATILITY.get(memory.regimes.get(session, ""), ""))
