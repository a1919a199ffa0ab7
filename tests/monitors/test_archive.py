from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from monitors.archive import digest, from_bytes, to_bytes
from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import drift_readings
from monitors.settings import WatchSettings

NAMES = ("smooth", "counted", "constant", "unknown")


def history(sessions: int = 600, seed: int = 1) -> FloatArray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((sessions, 3, len(NAMES)))
    values[:, :, 1] = rng.poisson(1.0, (sessions, 3))
    values[:, :, 2] = 4.0
    values[:, :, 3] = np.nan
    values[100:130, :, 0] = np.nan
    return values


def alike(one: DriftReference, other: DriftReference) -> bool:
    for a, b in zip(one.features, other.features, strict=True):
        same = (a.name, a.n, a.missing, a.reason, a.repeats, a.grid.n, a.grid.error) == (
            b.name, b.n, b.missing, b.reason, b.repeats, b.grid.n, b.grid.error
        )  # fmt: skip
        for x, y in ((a.grid.knots, b.grid.knots), (a.grid.below, b.grid.below), (a.coarse, b.coarse)):
            same &= np.array_equal(x, y) and x.dtype == y.dtype
        same &= np.array_equal(a.edges, b.edges) and np.array_equal(a.counts, b.counts)
        if (a.null is None) != (b.null is None):
            return False
        if a.null is not None and b.null is not None:
            same &= np.array_equal(a.null.p_values, b.null.p_values, equal_nan=True)
            for law, again in ((a.null.psi, b.null.psi), (a.null.ks, b.null.ks)):
                same &= np.array_equal(law.ordered, again.ordered)
                same &= (law.mean, law.degrees, law.disjoint) == (again.mean, again.degrees, again.disjoint)
            same &= a.null.n == b.null.n
        if not same:
            return False
    return (one.window, one.sessions) == (other.window, other.sessions)


@pytest.mark.parametrize("compact", [True, False])
def test_a_reference_comes_back_digit_for_digit(compact: bool) -> None:
    prepared = prepare_reference(history(), NAMES, window=20, compact=compact)
    stored = to_bytes(prepared)
    again = from_bytes(stored)
    assert alike(again, prepared)
    assert to_bytes(again) == stored
    window, limits = history(20, seed=2), WatchSettings()
    session = date(2024, 3, 7)
    assert repr(drift_readings(session, window, again, limits)) == repr(
        drift_readings(session, window, prepared, limits)
    )


def test_the_digest_names_the_content() -> None:
    one = prepare_reference(history(), NAMES, window=20)
    assert digest(one) == digest(prepare_reference(history(), NAMES, window=20))
    assert digest(one) != digest(prepare_reference(history(seed=3), NAMES, window=20))
    assert len(digest(one)) == 16


def test_sixty_features_at_4096_knots_take_two_megabytes_at_most() -> None:
    names = tuple(f"f{i}" for i in range(6))
    values = np.random.default_rng(4).standard_t(3, (25_000, 1, 6))
    stored = to_bytes(prepare_reference(values, names, window=250, knots=4_096, compact=True))
    assert 10 * len(stored) <= 2_000_000


def test_bytes_of_another_kind_or_cut_short_are_refused() -> None:
    stored = to_bytes(prepare_reference(history(), NAMES, window=20))
    with pytest.raises(ValueError, match="not a drift reference"):
        from_bytes(b"PK\x03\x04" + stored)
    with pytest.raises(ValueError, match="damaged"):
        from_bytes(stored[:-100])
    with pytest.raises(ValueError, match="damaged"):
        from_bytes(stored[:200])
