"""The metrics: everything the monitors measure, by name, with what it is in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # drift
        "psi": "the population stability index of a feature",
        "ks": "the Kolmogorov-Smirnov distance of a feature",
        "drift_share": "the share of features that left the range of the training data",
        "drift_incidents": "the number of separate incidents of drift",
        "domain_auc": "how well the newest sessions can be told from the training data",
        # performance
        "win_rate_last_20": "the win rate of the last 20 trades",
        "win_rate_evidence": "the evidence that trades win less often than they did",
        "pooled_evidence": "the evidence that forecasts come true less often than they did",
        "sharpe_rolling": "the rolling Sharpe ratio per session",
        "drawdown": "the account's loss from its peak",
        "hit_rate": "the share of forecasts that came true",
        "profit_factor": "what the winning trades earned for each dollar the losing ones lost",
        "expectancy": "the mean return of a trade",
        "turnover": "what is traded a session, as a share of equity",
        "trade_drawdown": "the greatest loss from a peak over the newest trades",
        # calibration
        "ece": "the expected calibration error",
        "calibration_gap": "the difference between stated confidence and hit rate",
        "calibration_evidence": "the evidence that stated probabilities no longer come true",
        "calibration_gap_by_regime": "the difference between stated confidence and hit rate in a regime",
        "calibration_evidence_by_regime": "the evidence that stated probabilities fail in some regime",
        # execution
        "execution_failure_rate": "the share of orders that failed",
        "bars_missing_rate": "the share of prices that did not come",
        "latency_p50_s": "the median time a call took",
        "latency_p95_s": "the time that 95 % of the calls took at most",
        "latency_p99_s": "the time that 99 % of the calls took at most",
        "slow_rate": "the share of calls that took too long",
        "timeout_rate": "the share of calls that timed out",
        "failure_rate": "the share of calls that failed",
        "request_failure_rate": "the share of requests that failed, repeated or not",
        "fallback_rate": "the share of calls that another provider served",
        "staleness_s": "the time since a provider brought what it was asked for",
        "lateness_s": "the lateness of the forecasts",
        "job_failure_rate": "the share of sessions whose steps had to be repeated",
        "delivery_failure_rate": "the share of messages that could not be delivered",
        "delivery_retry_rate": "the share of messages that had to be sent again",
    }
)
"""What a rule may watch."""
