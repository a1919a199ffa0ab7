"""The references: what the newest window is held against, one for each regime where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.joint import JointReference, prepare_joint
from monitors.own_windows import LEAST_DISJOINT


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a window is held against.

    Attributes:
        drift: Feature by feature.
        joint: All features together; None where that cannot be.
    """

    drift: DriftReference
    joint: JointReference | None


def prepare_both(history: FloatArray, names: tuple[str, ...], *, window: int, origin: str) -> Reference:
    """Prepare a reference; arguments and errors as `prepare_reference`."""
    drift = prepare_reference(history, names, window=window, origin=origin)
    return Reference(drift, prepare_joint(history, names, window=window))


def prepare_per_regime(
    history: FloatArray,
    names: tuple[str, ...],
    regimes: Sequence[str],
    *,
    window: int,
    origin: str,
) -> dict[str, Reference]:
    """Prepare one reference for each regime that was seen often enough.

    Sessions of one regime are joined in order of time; a few windows of the null then cross a seam. A regime
    of fewer than ten windows' length has none: no window is judged against another regime's.

    Args:
        history: Shape (sessions, tickers, features), NaN = unknown.
        names: The features, in order.
        regimes: Of each session; "" is unknown and left out.
        window: Sessions in the windows that will be compared.
        origin: Where the history came from, in words; the regime is added to it.

    Returns:
        By regime.

    Raises:
        ValueError: When there is not one regime for each session.
    """
    if len(regimes) != history.shape[0]:
        raise ValueError(f"{len(regimes)} regimes for {history.shape[0]} sessions: one for each is needed")
    found = {}
    for regime in sorted(set(regimes) - {""}):
        own = np.array([name == regime for name in regimes], dtype=np.bool_)
        if np.count_nonzero(own) >= LEAST_DISJOINT * window:
            words = f"{origin}, {regime} sessions"
            found[regime] = prepare_both(history[own], names, window=window, origin=words)
    return found
