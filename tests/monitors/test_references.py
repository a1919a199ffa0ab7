from __future__ import annotations

import numpy as np
import pytest

from monitors.drift import prepare_reference
from monitors.references import prepare_per_regime

NAMES = ("a", "b")
HISTORY = np.random.default_rng(1).standard_normal((400, 3, 2))
REGIMES = ["calm" if day % 100 < 60 else "volatile" if day % 100 < 98 else "" for day in range(400)]


def test_each_regime_is_held_against_its_own_sessions_alone() -> None:
    found = prepare_per_regime(HISTORY, NAMES, REGIMES, window=10, origin="model 2")
    assert set(found) == {"calm", "volatile"}
    assert [found[regime].drift.sessions for regime in ("calm", "volatile")] == [240, 152]
    own = np.array([regime == "volatile" for regime in REGIMES])
    alone = prepare_reference(HISTORY[own], NAMES, window=10)
    for one, other in zip(found["volatile"].drift.features, alone.features, strict=True):
        assert one.grid.knots.tolist() == other.grid.knots.tolist()
    assert found["calm"].drift.origin == "model 2, calm sessions"


def test_a_regime_too_short_for_windows_of_its_own_has_no_reference() -> None:
    assert set(prepare_per_regime(HISTORY, NAMES, REGIMES, window=16, origin="")) == {"calm"}
    assert prepare_per_regime(HISTORY, NAMES, [""] * 400, window=10, origin="") == {}


def test_a_regime_is_needed_for_each_session() -> None:
    with pytest.raises(ValueError, match="399 regimes for 400 sessions"):
        prepare_per_regime(HISTORY, NAMES, REGIMES[1:], window=10, origin="")
