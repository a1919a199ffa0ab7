"""The rules in force unless the configuration says otherwise; `config.toml` lists the same."""

from __future__ import annotations

from typing import Any, Final

DEFAULT_RULES: Final[dict[str, dict[str, Any]]] = {
    # The classic limits, computed as everybody names them. They are noisy on their own, so they only notify.
    "psi_above_0.2": {
        "metric": "psi",
        "summary": "A feature has drifted by the classic limit",
        "threshold": 0.2,
        "clear": 0.1,
        "for_sessions": 3,
        "dwell_sessions": 5,
        "severity": "info",
    },
    "win_rate_drop_10pt_last_20": {
        "metric": "win_rate_last_20",
        "summary": "Win rate of the last 20 trades is more than 10 points below its baseline",
        "side": "below",
        "own_limit": True,
        "dwell_sessions": 5,
        "severity": "info",
    },
    "sharpe_drop_0.1": {
        "metric": "sharpe_rolling",
        "summary": "Rolling Sharpe ratio per session is more than 0.1 below its baseline",
        "side": "below",
        "own_limit": True,
        "dwell_sessions": 5,
        "severity": "info",
    },
    "calibration_gap_10pt": {
        "metric": "calibration_gap",
        "summary": "Confidence and hit rate differ by more than 10 points",
        "threshold": 0.1,
        "clear": 0.08,
        "dwell_sessions": 5,
        "severity": "info",
    },
    # Evidence: limits that chance alone reaches rarely. They wake people.
    "drift_evidence": {
        "metric": "drift_share",
        "summary": "Features have left the range the model was trained on",
        "own_limit": True,
        "clear": 0.1,
        "max_p_value": 0.01,
        "for_sessions": 3,
        "dwell_sessions": 10,
        "runbook": "Look at which features moved. Refit or pause if the model has not seen such a market.",
    },
    "win_rate_evidence": {
        "metric": "win_rate_evidence",
        "summary": "Trades win less often than they did",
        "own_limit": True,
        "clear": 20.0,
        "dwell_sessions": 10,
        "runbook": "Compare the losing trades with the reasoning of their forecasts.",
    },
    "calibration_evidence": {
        "metric": "calibration_evidence",
        "summary": "Stated probabilities no longer come true",
        "own_limit": True,
        "clear": 20.0,
        "dwell_sessions": 10,
        "runbook": "Refit or recalibrate; until then read every confidence as one half.",
    },
    "execution_failures": {
        "metric": "execution_failure_rate",
        "summary": "Orders fail",
        "own_limit": True,
        "max_p_value": 0.01,
        "dwell_sessions": 5,
        "runbook": "See the failed orders' reasons in the status page.",
    },
    "bars_missing": {
        "metric": "bars_missing_rate",
        "summary": "Prices are missing",
        "threshold": 0.05,
        "clear": 0.01,
        "runbook": "Check the price provider.",
    },
    "drawdown_5pct": {
        "metric": "drawdown",
        "summary": "The account is 5 % below its peak",
        "threshold": 0.05,
        "clear": 0.03,
        "dwell_sessions": 5,
    },
    # What may pause trading.
    "market_break": {
        "metric": "drift_share",
        "summary": "The market has left the training data and money or forecasts suffer",
        "threshold": 0.5,
        "clear": 0.25,
        "max_p_value": 0.01,
        "for_sessions": 2,
        "dwell_sessions": 5,
        "severity": "critical",
        "action": "reduce_only",
        "confirmed_by": ("drawdown_5pct", "win_rate_evidence", "calibration_evidence"),
        "runbook": "Two kinds of evidence agree. Trading resumes by itself once the drift has cleared.",
    },
    "drawdown_10pct": {
        "metric": "drawdown",
        "summary": "The account is 10 % below its peak",
        "threshold": 0.10,
        "clear": 0.05,
        "severity": "critical",
        "action": "close_only",
        "runbook": "Positions are run down, none is opened. Find out why before you resume.",
    },
    "drawdown_15pct": {
        "metric": "drawdown",
        "summary": "The account is 15 % below its peak although only exits were allowed",
        "threshold": 0.15,
        "clear": 0.05,
        "severity": "critical",
        "action": "halt",
        "runbook": "Look at every position and order by hand.",
    },
}
