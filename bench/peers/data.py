"""The data: the same seeded arrays for every contender."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from monitors.arrays import FloatArray

SEED = 20261122
FEATURES = 60
REFERENCE, CURRENT = 25_000, 2_000
WINDOWS, WINDOW = 100, 250
CALM_STREAMS, CALM_TRADES = 120, 20_000
CHANGED_STREAMS, BEFORE, AFTER = 200, 1_000, 3_000
WIN, LOST = 0.55, 0.45

Arrays = dict[str, FloatArray]


def timing(reference: int = REFERENCE, current: int = CURRENT) -> Arrays:
    """Sixty features of four laws, every sixth shifted by 0.3: `ref` and `cur`, shape (features, n)."""
    rng = np.random.default_rng(SEED)
    ref, cur = (_features(rng, n) for n in (reference, current))
    cur[::6] += 0.3
    return {"ref": ref, "cur": cur}


def laws(windows: int = WINDOWS, reference: int = REFERENCE, n: int = WINDOW) -> Arrays:
    """Per law a reference and a window right after it, both without drift, and its standard deviation."""
    rng = np.random.default_rng(SEED + 1)
    total = reference + n
    noise = rng.standard_normal((windows, total + 500)) * np.sqrt(1 - 0.95**2)
    drawn = {
        "normal": rng.standard_normal((windows, total)),
        "t3": rng.standard_t(3, (windows, total)),
        "ar1_0.95": np.asarray(lfilter([1.0], [1.0, -0.95], noise))[:, 500:],
    }
    spread = {"normal": 1.0, "t3": float(np.sqrt(3.0)), "ar1_0.95": 1.0}
    found: Arrays = {}
    for law, values in drawn.items():
        found[f"{law}_ref"], found[f"{law}_cur"] = values[:, :reference], values[:, reference:]
        found[f"{law}_sd"] = np.array(spread[law])
    return found


def odd_inputs(reference: int = 10_000, n: int = 500) -> Arrays:
    """One feature and something odd about it: `<case>_ref` and `<case>_cur`, named as in `EXPECTED`."""
    rng = np.random.default_rng(SEED + 2)
    ref, calm = rng.standard_normal(reference), rng.standard_normal(n)
    shifted = calm + 1.0
    inputs = {
        "shift": (ref, shifted),
        "shift, one tick of 1e6": (ref, _with(shifted, 0, 1e6)),
        "shift, one tick of 1e9 in the reference": (_with(ref, 0, 1e9), shifted),
        "calm, one tick of 1e6": (ref, _with(calm, 0, 1e6)),
        "shift, one NaN": (ref, _with(shifted, 0, np.nan)),
        "shift, one infinite": (ref, _with(shifted, 0, np.inf)),
        "calm, 90 % missing": (ref, _with(calm, slice(0, n * 9 // 10), np.nan)),
        "all missing": (ref, np.full(n, np.nan)),
        "stuck at one value": (ref, np.full(n, float(ref[-1]))),
        "constant, then another constant": (np.full(reference, 1.0), np.full(n, 2.0)),
        "calm, three values": (ref, calm[:3]),
        "no value": (ref, calm[:0]),
    }
    found: Arrays = {}
    for case, (old, new) in inputs.items():
        found[f"{case}_ref"], found[f"{case}_cur"] = old, new
    return found


ALARM, CALM, JUDGE_NOT = "drift", "no drift", "cannot judge"
EXPECTED: dict[str, tuple[str, ...]] = {
    "shift": (ALARM,),
    "shift, one tick of 1e6": (ALARM,),
    "shift, one tick of 1e9 in the reference": (ALARM,),
    "calm, one tick of 1e6": (CALM,),
    "shift, one NaN": (ALARM,),
    "shift, one infinite": (ALARM, JUDGE_NOT),
    "calm, 90 % missing": (JUDGE_NOT, ALARM),
    "all missing": (JUDGE_NOT, ALARM),
    "stuck at one value": (ALARM, JUDGE_NOT),
    "constant, then another constant": (ALARM, JUDGE_NOT),
    "calm, three values": (JUDGE_NOT, CALM),
    "no value": (JUDGE_NOT,),
}


def win_streams(
    calm: tuple[int, int] = (CALM_STREAMS, CALM_TRADES),
    changed: tuple[int, int, int] = (CHANGED_STREAMS, BEFORE, AFTER),
) -> Arrays:
    """Wins as 0 and 1, shape (streams, trades): `calm` at 55 % throughout, `changed` falls to 45 %."""
    rng = np.random.default_rng(SEED + 3)
    streams, before, after = changed
    rate = np.repeat([WIN, LOST], [before, after])
    return {
        "calm": (rng.random(calm) < WIN).astype(np.uint8),
        "changed": (rng.random((streams, before + after)) < rate).astype(np.uint8),
    }


def _features(rng: np.random.Generator, n: int) -> FloatArray:
    out = np.empty((FEATURES, n))
    out[:20] = rng.standard_normal((20, n))
    out[20:40] = rng.standard_t(3, (20, n))
    out[40:50] = rng.lognormal(0.0, 1.0, (10, n))
    out[50:] = lfilter([1.0], [1.0, -0.9], rng.standard_t(4, (10, n)), axis=1)
    return out


def _with(values: FloatArray, at: int | slice, value: float) -> FloatArray:
    changed = values.copy()
    changed[at] = value
    return changed
