"""How often the default rules fire when nothing has changed: also `python -m bench.false_alarms`.

Calm histories, seeded: independent t(5) returns of 8 % volatility and Sharpe ratio 1, trades that win 55 % of
the time, forecasts whose stated probability is exact, features that follow one AR(1) law throughout, and one
order in a hundred that fails, which the monitors accept as usual. No price is missing or late, so that
`bars_missing`, `provider_stale` and `forecast_late`, which state facts, cannot fire. Readings and alerts come
from the monitors and rules that the daemon runs; the multivariate check looks every fifth session.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from alerts.alert import Alert, AlertState, firing
from alerts.evaluation import evaluate
from alerts.rulebook import Rulebook
from bench.finding import Finding
from daemon.configuration.config import load_settings
from market.panel import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.joint import prepare_joint
from monitors.watch import Facts, WatchState, watch

SEED = 20261122
TITLE = "The default rules on calm histories"
PATHS = FULL = 24  # histories
BUDGET = 0.25  # false alarms a year, of what has a budget or pauses trading on evidence
BUDGETED = ("win_rate_evidence", "calibration_evidence", "pooled_evidence", "market_break")
SESSIONS = 756
WARM = 252
TICKERS = 6
FEATURES = 8
WINDOW = 20
REFERENCE = 756
ORDERS = 2  # a session
USUAL_FAILURES = 0.01
LOOKS = 5  # sessions from one multivariate look to the next
DAILY_SD = 0.08 / np.sqrt(252.0)
DAILY_MEAN = 0.08 / 252.0


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one rule fires.

    Attributes:
        a_year: Times in a year of 252 sessions.
        on: Share of sessions on which it fires.
    """

    a_year: float
    on: float


def main() -> None:
    """Simulate and print one line a rule."""
    print(f"{PATHS} calm histories of {SESSIONS - WARM} sessions, {TICKERS} tickers, seed {SEED}")
    for name, rate in rates(PATHS).items():
        print(f"{name:<28} fires {rate.a_year:5.2f} times a year, on {rate.on:6.1%} of sessions")


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Histories.
    """
    found = []
    for name, rate in rates(size).items():
        goal = BUDGET if name in BUDGETED else np.inf
        what = f"{name}, on {rate.on:.1%} of sessions"
        found.append(Finding.number(what, rate.a_year, "times a year", at_most=goal, digits=2))
    return found


def rates(paths: int) -> dict[str, Rate]:
    """How often each rule fires in so many calm histories of two years, after a year for the baselines."""
    rng = np.random.default_rng(SEED)
    book = Rulebook(load_settings().rule_set())
    fired: Counter[str] = Counter()
    on: Counter[str] = Counter()
    for _ in range(paths):
        _path(rng, book, fired, on)
    sessions = paths * (SESSIONS - WARM)
    names = sorted(rule.name for rule in book.rules)
    return {name: Rate(252.0 * fired[name] / sessions, on[name] / sessions) for name in names}


def _path(rng: np.random.Generator, book: Rulebook, fired: Counter[str], on: Counter[str]) -> None:
    features = _autoregressive(rng, REFERENCE + SESSIONS)
    names = tuple(f"feature_{i}" for i in range(FEATURES))
    reference = prepare_reference(features[:REFERENCE], names, window=WINDOW)
    joint = prepare_joint(features[:REFERENCE], names, window=WINDOW)
    failures = rng.spawn(1)[0].binomial(
        ORDERS, USUAL_FAILURES, SESSIONS
    )  # leaves the other draws as they are
    state, alerts = WatchState.start(), dict[str, Alert]()
    equity = peak = 1e6
    for i in range(SESSIONS):
        return_ = DAILY_MEAN + DAILY_SD * float(rng.standard_t(5)) / np.sqrt(5.0 / 3.0)
        equity *= 1.0 + return_
        peak = max(peak, equity)
        facts = _facts(rng, features, reference, i, (equity, peak, return_))
        look = joint if i % LOOKS == 0 else None
        facts = replace(facts, failed_orders=int(failures[i]), joint=look)
        state, readings = watch(state, facts)
        alerts, moved = evaluate(book, alerts, readings, facts.session)
        if i < WARM:
            continue
        begun = {move.alert.rule for move in moved if move.alert.state is AlertState.FIRING}
        fired.update(begun)
        on.update({alert.rule for alert in firing(alerts)})


def _autoregressive(rng: np.random.Generator, sessions: int, rho: float = 0.95) -> FloatArray:
    noise = rng.standard_normal((sessions, TICKERS, FEATURES)) * np.sqrt(1.0 - rho**2)
    noise[0] /= np.sqrt(1.0 - rho**2)
    for i in range(1, sessions):
        noise[i] += rho * noise[i - 1]
    return np.asarray(noise)


def _facts(
    rng: np.random.Generator,
    features: FloatArray,
    reference: DriftReference,
    i: int,
    money: tuple[float, float, float],
) -> Facts:
    last = REFERENCE + i + 1
    stated = rng.uniform(0.45, 0.55, TICKERS)
    trades = rng.poisson(0.6)
    return Facts(
        session=date(2000, 1, 3) + timedelta(days=i),
        features=features[last - WINDOW : last],
        reference=reference,
        trade_returns=np.where(rng.random(trades) < 0.55, 0.01, -0.01),
        probabilities=stated,
        outcomes=(rng.random(TICKERS) < stated).astype(float),
        equity=money[0],
        peak=money[1],
        equity_return=money[2],
        orders=ORDERS,
        failed_orders=0,
        bars_expected=TICKERS,
        bars_missing=0,
    )


if __name__ == "__main__":
    main()
