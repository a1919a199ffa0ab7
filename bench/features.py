"""Features: doubled windows over all tickers at once, against pandas ticker by ticker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.timing import Row, compare
from forecaster.features import FEATURES, Layer, feature_matrix, feature_panel
from forecaster.window import BARS, Window
from market.panel import FloatArray
from tests.forecaster.history import simulated
from tests.forecaster.twins import TICKER, naive

TICKERS, SESSIONS, EVERY = 100, 1_260, 5
"""The twin does one ticker of five and is counted five times."""

OTHER_LAYERS = (Layer.OFF_EXCHANGE, Layer.AFTER_HOURS, Layer.SUPPLY_CHAIN)
DAILY = tuple(one for one in FEATURES if one.layer not in OTHER_LAYERS)
"""What daily bars and market-wide series suffice for."""

OWN = tuple(one for one in DAILY if one.name in TICKER)
"""Of these the ones that a loop over tickers can do."""

FIFTY = OWN[:50]


def rows() -> list[Row]:
    """Measure."""
    window = simulated(TICKERS, SESSIONS)
    few = _every(window)
    shape = f"{TICKERS} tickers x {SESSIONS:,} sessions"
    return [
        compare(
            f"{len(FIFTY)} features, {shape}",
            lambda: _known(feature_panel(window, FIFTY)[:, ::EVERY]),
            "pandas rolling, a loop over tickers",
            lambda: _known(np.stack([naive(one.name, few) for one in FIFTY], axis=-1)),
            goal_ms=150,
            within=1e-10,
            twin_times=EVERY,
        ),
        compare(
            f"all {len(FEATURES)} features, newest session of {TICKERS} tickers",
            lambda: _known(feature_matrix(window)),
            "the last row of the whole history",
            lambda: _known(feature_panel(window)[-1]),
            goal_ms=15,
            within=0.0,
        ),
        compare(
            f"{len(DAILY)} features from bars and series, newest session of one ticker",
            lambda: _known(feature_matrix(window.rows(0, 1), DAILY)),
            "the last row of the whole history",
            lambda: _known(feature_panel(window.rows(0, 1), DAILY)[-1]),
            goal_ms=5,
            within=0.0,
        ),
    ]


def _every(window: Window) -> Window:
    """One ticker of five."""
    bars = {name: getattr(window, name)[::EVERY] for name in BARS}
    return replace(window, **bars, sectors=window.sectors[::EVERY], extras={})


def _known(values: FloatArray) -> FloatArray:
    """Make the unknown comparable: it must be unknown in both."""
    return np.where(np.isnan(values), 1e9, values)
