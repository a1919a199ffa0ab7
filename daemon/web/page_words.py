"""Words: numbers with their units, states and evidence as a person says them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from daemon.live.health import LoopHealth
from monitors.reading import Evidence, NoData, Reading
from trading.gate import GateState

SPACE: Final = "\N{NO-BREAK SPACE}"

MEANING: Final = {
    GateState.ACTIVE: "Orders pass.",
    GateState.UNKNOWN: "Only orders that reduce exposure pass, until a session has been judged.",
    GateState.REDUCE_ONLY: "Only orders that reduce exposure pass.",
    GateState.HALTED: "No order passes.",
}
METRICS: Final = {
    "psi": "Population stability index (PSI)",
    "ks": "Kolmogorov\N{EN DASH}Smirnov distance (KS)",
    "drift_share": "Features drifted",
    "win_rate_evidence": "Bet that trades win less often",
    "sharpe_rolling": "Sharpe ratio per session",
    "drawdown": "Drawdown from peak",
    "ece": "Calibration error (ECE)",
    "calibration_gap": "Gap between confidence and hit rate",
    "calibration_gap_by_regime": "Gap between confidence and hit rate, by regime",
    "calibration_evidence_by_regime": "Bet that probabilities of some regime do not come true",
    "calibration_evidence": "Bet that probabilities do not come true",
    "execution_failure_rate": "Failed orders",
    "bars_missing_rate": "Missing bars",
    "hit_rate": "Hit rate since the start",
    "profit_factor": "Profit factor",
    "expectancy": "Expectancy of a trade",
    "trade_drawdown": "Deepest fall of the trades, compounded",
    "turnover": "Turnover per session",
    "latency_p50_s": "Latency, median",
    "latency_p95_s": "Latency, 95 % of calls",
    "latency_p99_s": "Latency, 99 % of calls",
    "slow_rate": "Slow calls",
    "timeout_rate": "Sessions with a time-out",
    "failure_rate": "Sessions with a failed call",
    "request_failure_rate": "Requests that failed",
    "fallback_rate": "Sessions served by the fallback",
    "staleness_s": "Age of what is missing",
    "delivery_failure_rate": "Messages given up",
    "delivery_retry_rate": "Messages sent more than once",
    "job_failure_rate": "Sessions with a failed step",
    "lateness_s": "Lateness of the forecasts",
}
MONITORS: Final = {
    "drift": "Drift",
    "performance": "Performance",
    "calibration": "Calibration",
    "execution": "Execution",
}
FRACTIONS: Final = frozenset(
    {"drift_share", "drawdown", "win_rate_last_20", "hit_rate", "trade_drawdown", "turnover"}
)
POINTS: Final = frozenset({"ece", "calibration_gap", "calibration_gap_by_regime"})
BELOW_IS_BAD: Final = ("win_rate_last_", "sharpe_", "hit_rate", "profit_factor", "expectancy")
NO_DATA: Final = {
    NoData.TOO_FEW: "too few samples yet",
    NoData.MISSING: "inputs are missing",
    NoData.CONSTANT: "the input does not vary",
    NoData.STUCK: "the input is stuck",
    NoData.STALE: "the input is old",
    NoData.INFINITE: "the input is infinite",
    NoData.NOT_EVALUATED: "not evaluated",
}


def metric_name(metric: str) -> str:
    """Return a metric in words; one that is not known stays as it is."""
    if metric.startswith("win_rate_last_"):
        return f"Win rate, last {metric.removeprefix('win_rate_last_')} trades"
    return METRICS.get(metric, metric)


def amount(metric: str, value: float | None) -> str:
    """Return a metric's value with its unit; a dash where it is unknown."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if metric in FRACTIONS or metric.startswith("win_rate_last_") or metric.endswith("_rate"):
        return percent(value)
    if metric == "expectancy":
        return f"{value * 100:.2f}{SPACE}%"
    if metric.endswith("_s"):
        return f"{value:,.{0 if value >= 100 else 1}f}{SPACE}s"
    if metric in POINTS:
        return f"{value * 100:.1f}{SPACE}points"
    digits = next((n for n, size in ((3, 1), (2, 10), (1, 100)) if abs(value) < size), 0)
    return f"{value:,.{digits}f}"


def limit(reading: Reading) -> str:
    """Return the classic limit with its bad side, as `limit > 0.2`; "" where there is none."""
    if reading.threshold is None:
        return ""
    sign = "<" if reading.metric.startswith(BELOW_IS_BAD) else ">"
    return f"limit {sign}{SPACE}{amount(reading.metric, reading.threshold)}"


def chance(reading: Reading) -> str:
    """Return how likely the value is when nothing has changed, in words."""
    if reading.reason is not None:
        return NO_DATA[reading.reason].capitalize()
    return evidence(reading.evidence, reading.threshold)


def evidence(found: Evidence | None, threshold: float | None) -> str:
    """Return what a p-value or an e-value says."""
    if found is None:
        return "No test of chance applies"
    if found.p_value is not None:
        return f"{_rarity(found.p_value)} (p {_p(found.p_value)}, {found.method.replace('_', ' ')})"
    held = f" of {threshold:,.0f} needed" if threshold is not None else ""
    return f"Evidence stands at {found.e_value:,.3g}{held} ({found.method.replace('_', '-')})"


def usd(value: float) -> str:
    """Return an amount of money."""
    return "\N{EN DASH}" if math.isnan(value) else f"{value:,.0f}{SPACE}USD"


def percent(value: float) -> str:
    """Return a fraction in per cent."""
    return "\N{EN DASH}" if math.isnan(value) else f"{value * 100:.1f}{SPACE}%"


def instant(at: datetime) -> str:
    """Return an instant to the minute, its zone named."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def count(n: int, noun: str) -> str:
    """Return `1 session`, `2 sessions`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def duration(seconds: float) -> str:
    """Return a length of time in its largest whole unit."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return count(int(seconds // size), unit)
    return count(max(0, int(seconds)), "second")


def progress(loop: LoopHealth, now: datetime) -> str:
    """Return when a loop last went round and how often it must."""
    ago = duration((now - loop.progressed_at).total_seconds())
    if math.isinf(loop.within_s):
        return f"ended {ago} ago"
    return f"{ago} ago, due every {duration(loop.within_s)}"


def _rarity(p: float) -> str:
    if p >= 0.1:
        return "Usual by chance"
    if p < 1e-6:
        return "By chance less than 1 in a million"
    exact = 1 / p
    scale = 10 ** max(0, int(math.log10(exact)) - 1)
    return f"By chance 1 in {round(exact / scale) * scale:,}"


def _p(p: float) -> str:
    return "< 0.000001" if p < 1e-6 else f"= {p:.2g}"
