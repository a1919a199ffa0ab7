"""What the newest window is held against: on the day of a fit, and where regimes change.

A model is fitted to sessions that reach into the window of that day. Its reference ends before that window;
the twin ends with the training rows, as is near at hand, and so holds 14 of the 20 sessions that it judges.
Six tickers, twenty features that follow an AR(1) law, all shifted in the newest 20 sessions.

Per regime: two regimes take turns, 40 sessions each on average, and the features' levels with them, in the
training sessions as later: nothing has drifted. A window of one regime is held against that regime's
sessions; the twin holds every window against those of its newest session's regime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.signal import lfilter

from bench.finding import Finding
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import drift_readings
from monitors.reading import State
from monitors.references import prepare_per_regime
from monitors.settings import WatchSettings

TITLE = "What the newest window is held against"
SEED = 20261122
FULL = 100  # histories
WINDOW, PURGE, TICKERS, FEATURES = 20, 6, 6, 20
TRAINED = 756  # sessions
YEAR, EVERY = 252, 3  # sessions judged after the training, of which each third is looked at
SPELL = 40  # sessions of one regime on average
SETTLED = 200
NAMES = tuple(f"feature {i}" for i in range(FEATURES))
LIMITS = WatchSettings()


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the windows of histories whose regimes change.

    Attributes:
        judged: Windows judged, of all.
        ours: False breaches, of those judged.
        twin: False breaches of all windows that have a reference, mixed ones among them.
        rolling: The same, all held against the training sessions of both regimes.
    """

    judged: Share
    ours: Share
    twin: Share
    rolling: Share


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Histories.
    """
    found = []
    for trained in (252, TRAINED):
        ours, twin = on_the_day_of_a_fit(size, trained=trained, shift=0.7)
        what = f"fit on {trained} sessions, a shift of 0.7 sd in the window of that day: found"
        found.append(Finding.share(what, ours))
        found.append(Finding.share(f"twin of {trained}, which ends with the training rows: found", twin))
    seen = changes(size)
    found.append(Finding.share("per regime: windows judged, the others hold two regimes", seen.judged))
    found.append(Finding.share("false breaches of those judged", seen.ours, at_most=0.01))
    found.append(Finding.share("twin, every window held against its newest session's regime", seen.twin))
    found.append(Finding.share("rolling: false breaches of all windows", seen.rolling, at_most=0.01))
    return found


def on_the_day_of_a_fit(size: int, *, trained: int, shift: float) -> tuple[Share, Share]:
    """How often a shift that began with the window is a breach; ours and the twin's."""
    rng = np.random.default_rng([SEED, trained])
    ours = twin = 0
    for _ in range(size):
        values = _panel(rng, trained + PURGE, memory=0.9)
        values[-WINDOW:] += shift
        window = values[-WINDOW:]
        ours += _breach(window, prepare_reference(values[:-WINDOW], NAMES, window=WINDOW))
        twin += _breach(window, prepare_reference(values[:-PURGE], NAMES, window=WINDOW))
    return Share(ours, size), Share(twin, size)


def changes(size: int) -> Changes:
    """Judge a year of each history after its training."""
    rng = np.random.default_rng([SEED, SPELL])
    windows, judged, known, ours, twin, rolling = (0 for _ in range(6))
    for _ in range(size):
        length = TRAINED + WINDOW + YEAR
        second = np.cumsum(rng.random(length) < 1 / SPELL) % 2 == 1
        values = _panel(rng, length, memory=0.8)
        values[second] += rng.standard_normal(FEATURES)
        kinds = np.where(second, "volatile", "calm").tolist()
        both = prepare_reference(values[:TRAINED], NAMES, window=WINDOW)
        each = prepare_per_regime(values[:TRAINED], NAMES, kinds[:TRAINED], window=WINDOW, origin="")
        for end in range(TRAINED + WINDOW, length, EVERY):
            window, kind = values[end - WINDOW : end], set(kinds[end - WINDOW : end])
            windows += 1
            rolling += _breach(window, both)
            own = each.get(kinds[end - 1])
            if own is None:
                continue
            known += 1
            broke = _breach(window, own.drift)
            twin += broke
            if len(kind) == 1:
                judged += 1
                ours += broke
    return Changes(Share(judged, windows), Share(ours, judged), Share(twin, known), Share(rolling, windows))


def _panel(rng: np.random.Generator, length: int, *, memory: float) -> FloatArray:
    """Values of unit variance, shape (sessions, tickers, features)."""
    noise = rng.standard_normal((SETTLED + length, TICKERS, FEATURES))
    held = lfilter([math.sqrt(1 - memory**2)], [1.0, -memory], noise, axis=0)
    return np.asarray(held[SETTLED:])


def _breach(window: FloatArray, reference: DriftReference) -> bool:
    share = drift_readings(date(2024, 1, 1), window, reference, LIMITS)[-1]
    return share.state is State.BREACH
