"""The least shift that is found, by the length of the window and by how slowly a feature moves.

One feature that follows an AR(1) law, a reference of 26 windows, and a whole window shifted by so many of the
feature's standard deviations: the least shift that `p` (PSI and KS against the reference's own windows, one
p-value for both) puts at or below 1 % in four of five cases. Beside it the shift at which the window's mean
alone would be that unlikely, Student's test over the reference's own window means, the best that can be done
where only the mean moves. n rows that follow an AR(1) law count as n (1 - r) / (1 + r) independent ones
(Bartlett 1946). Then 60 features of 60 that move together, as the share of drifted features tells them:
a quarter or more stand, and all of them together are that unlikely.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter
from scipy.special import stdtr

from bench.finding import Finding, Outcome
from monitors.arrays import BoolArray, FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import joint_evidence, look
from monitors.settings import WatchSettings

TITLE = "The least shift that is found"
SEED = 20261122
FULL = 300  # features of each law
ROWS = (50, 100, 250, 1_000)
MEMORY = (0.0, 0.5, 0.9, 0.98)
WINDOWS = 26  # in the reference
LEVEL, POWER = 0.01, 0.8
GROUP, LEAST_GROUPS = 60, 5
FINEST = 0.02  # standard deviations
MOST = 10.0
SETTLED = 1_000
LIMITS = WatchSettings()


def findings(size: int = FULL, rows: tuple[int, ...] = ROWS) -> list[Finding]:
    """Measure.

    Args:
        size: Features of each law.
        rows: Lengths of a window.
    """
    found = []
    for memory in MEMORY:
        for n in rows:
            ours, mean, together = least_shifts(n, memory, size)
            counts = n * (1 - memory) / (1 + memory)
            what = f"AR(1) {memory:g}, n = {n:,}, as many as {counts:,.0f} independent rows"
            note = f"by its mean alone {_words(mean)}; 60 of 60 together {_words(together)}"
            found.append(Finding(what, "", _words(ours), Outcome.SHOWN, note))
    return found


def least_shifts(n: int, memory: float, size: int) -> tuple[float, float, float]:
    """The least shift found by our rule, by the window's mean, and in 60 features together."""
    rng = np.random.default_rng([SEED, n, round(100 * memory)])
    groups = max(LEAST_GROUPS, size // GROUP)
    noise = rng.standard_normal((SETTLED + (WINDOWS + 1) * n, groups * GROUP))
    values = lfilter([math.sqrt(1 - memory**2)], [1.0, -memory], noise, axis=0)[SETTLED:]
    old, new = values[:-n], values[-n:]
    parts = [slice(i * GROUP, (i + 1) * GROUP) for i in range(groups)]
    references = [_prepared(old[:, part], n) for part in parts]

    def alone(shift: float) -> float:
        seen = [_p(new[:, part] + shift, one) for part, one in zip(parts, references, strict=True)]
        return float((np.concatenate(seen) <= LEVEL).mean())

    def together(shift: float) -> float:
        seen = [_together(new[:, part] + shift, one) for part, one in zip(parts, references, strict=True)]
        return float(np.mean(seen))

    return least(alone), least(lambda shift: float(_by_mean(old, new + shift).mean())), least(together)


def least(power: Callable[[float], float]) -> float:
    """The least shift with enough power; NaN where even the greatest has not."""
    low, high = 0.0, MOST
    if power(high) < POWER:
        return math.nan
    while high - low > FINEST:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def _words(shift: float) -> str:
    return f"none up to {MOST:g} sd" if math.isnan(shift) else f"{shift:.2f} sd"


def _prepared(old: FloatArray, n: int) -> DriftReference:
    names = tuple(str(i) for i in range(old.shape[1]))
    return prepare_reference(old[:, None, :], names, window=n)


def _p(new: FloatArray, reference: DriftReference) -> FloatArray:
    found = look(new[:, None, :], reference, LIMITS)
    assert found is not None  # noqa: S101 - a reference was given
    return np.array([drift.p for drift in found.drifts])


def _together(new: FloatArray, reference: DriftReference) -> bool:
    found = look(new[:, None, :], reference, LIMITS)
    assert found is not None  # noqa: S101 - a reference was given
    evidence = joint_evidence(found.drifts, reference)
    p = evidence.p_value if evidence is not None else None
    return bool(found.stands.mean() >= LIMITS.drift_share_limit and p is not None and p <= LEVEL)


def _by_mean(old: FloatArray, new: FloatArray) -> BoolArray:
    means = old.reshape(WINDOWS, new.shape[0], -1).mean(axis=1)
    error = means.std(axis=0, ddof=1) * math.sqrt(1 + 1 / WINDOWS)
    ratio = np.abs(new.mean(axis=0) - means.mean(axis=0)) / error
    return np.asarray(2 * stdtr(WINDOWS - 1, -ratio) <= LEVEL)
