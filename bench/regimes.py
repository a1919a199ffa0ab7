"""The twelve regimes of 2013 to 2023.

The equal-weighted universe of the development data, session after session. The probabilities are held
against what the axes said five sessions later, and against climatology, which knows the shares of the states
from hindsight.
"""

from __future__ import annotations

import time

import numpy as np

from bench.development_data import PRICES
from bench.finding import Finding
from forecaster.axis import CONFIRM
from forecaster.regime import REGIMES, UNKNOWN, RegimeState, follow, observations, step, unpopulated
from forecaster.window import make_window
from market.panel import FloatArray
from market.price_file import read_prices

TITLE = "The twelve regimes on real prices"
NEEDS = (PRICES,)
FULL = 2_768  # sessions
YEAR = 252


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Sessions.
    """
    panel = read_prices(PRICES)
    window = make_window(panel.rows(0, size), panel.tickers, "")
    seen = observations(window)
    started = time.perf_counter()
    _, batch = follow(seen)
    per_session = 1e3 * (time.perf_counter() - started) / len(seen)
    state, streamed, axes = RegimeState(), [], []
    for one in seen:
        state, regime = step(RegimeState.from_dict(state.to_dict()), one)
        streamed.append(regime)
        axes.append(_cell(state))
    equal = np.mean([repr(a) == repr(b) for a, b in zip(streamed, batch, strict=True)])
    known = [regime for regime in batch if regime.name != UNKNOWN]
    names = np.array([regime.name for regime in known])
    switches = YEAR * float((names[1:] != names[:-1]).mean())
    shares = [float((names == name).mean()) for name in REGIMES]
    few = unpopulated(one.name for one in batch)
    told, usual, hit = _foretold(np.array([one.probabilities for one in batch]), np.array(axes))
    return [
        Finding.number("sessions with a regime", len(known)),
        Finding.number("rarest state", 100 * min(shares), "% of sessions", digits=2),
        Finding.number("states below 1 %", len(few), note=", ".join(few)),
        Finding.number("switches", switches, "a year", at_least=8, at_most=14, digits=1),
        Finding.number("shocks", sum(regime.shock for regime in known)),
        Finding.number("streamed = batch", 100 * float(equal), "% of sessions", at_least=100),
        Finding.number("log-loss of the probabilities, five sessions on", told, "nats", digits=3),
        Finding.number("the same of climatology", usual, "nats", digits=3),
        Finding.number("the likeliest state came true", 100 * hit[0], "% of sessions", digits=1),
        Finding.number("its stated probability", 100 * hit[1], "%", digits=1),
        Finding.number("one session", per_session, "ms", digits=2),
    ]


def _cell(state: RegimeState) -> int:
    """What the axes say, before any close confirms it; -1 unknown."""
    trend, volatility, breadth = (axis.level for axis in state.axes)
    return (trend * 2 + volatility) * 2 + breadth if min(trend, volatility, breadth) >= 0 else -1


def _foretold(stated: FloatArray, cells: FloatArray) -> tuple[float, float, tuple[float, float]]:
    """Log-loss of the probabilities and of climatology; how often the likeliest came, and was stated to."""
    rows = np.flatnonzero(cells[:-CONFIRM] >= 0)
    came = cells[rows + CONFIRM]
    shares = np.bincount(came, minlength=len(REGIMES)) / came.size
    least = float(np.finfo(np.float64).tiny)
    told = -np.log(np.maximum(stated[rows, came], least)).mean()
    hit = float((stated[rows].argmax(axis=1) == came).mean())
    return float(told), float(-np.log(shares[came]).mean()), (hit, float(stated[rows].max(axis=1).mean()))
