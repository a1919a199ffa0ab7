"""The limits of the monitors, each with its unit; the defaults are the classic ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LENGTHS = (
    "win_rate_window",
    "trade_overlap",
    "sharpe_window",
    "horizon",
    "calibration_window",
    "gap_window",
    "order_window",
    "stale_after",
    "hit_rate_sessions",
    "trade_window",
    "turnover_window",
)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What counts as a breach. Shares, rates and returns are fractions, lengths are sessions or trades.

    Attributes:
        psi_limit: PSI above which a feature is in breach (classic 0.2).
        psi_warn: PSI above which it is worth a look (classic 0.1).
        drift_p: A feature's evidence counts on its own at or below this p-value.
        false_discovery_rate: Share of false ones tolerated among the features said to have drifted.
        drift_share_limit: Share of drifted features from which the whole is in breach.
        missing_limit: A feature of which a greater share is unknown is not judged.
        false_alarms_per_year: What each sequential detector may raise on average although nothing changed.
        pooled_fall: Fall of the hit rate that the pooled detector is made to find.
        joint_stale_after: Sessions without a look after which the multivariate check says nothing.
        sessions_per_year: For annualising and for the line above.
        win_rate_baseline: The expected share of winning trades, or None to take it from the first trades.
        win_rate_window: Trades in the rolling win rate.
        win_rate_drop: Fall below the baseline that is a breach (classic 0.10).
        trade_overlap: Sessions a trade is usually held: neighbouring closes share returns; 1 for none.
        reference_trades: How many first trades make the baseline where none is given.
        sharpe_baseline: The expected Sharpe ratio per session (not annualised), or None to measure it first.
        sharpe_window: Sessions in the rolling Sharpe ratio.
        sharpe_drop: Fall per session below the baseline that is a breach (classic 0.1).
        reference_sessions: How many first sessions make the baseline where none is given.
        drawdown_limit: Fall from the peak that is a breach.
        drawdown_warn: Fall from the peak that is worth a look.
        horizon: Sessions from a forecast to its outcome; that many neighbouring outcomes overlap.
        calibration_window: Resolved sessions in the calibration error.
        gap_window: Resolved sessions in the gap between confidence and hit rate.
        ece_limit: Debiased calibration error that is a breach where evidence agrees.
        calibration_gap_limit: Gap between confidence and hit rate that is a breach (classic 0.10).
        calibration_p: Evidence on calibration counts at or below this p-value.
        order_window: Sessions over which orders and their failures are added up.
        failure_rate_limit: Share of failed orders that is a breach where evidence agrees.
        failure_rate_accepted: Share of failed orders that is nothing unusual, the null of that evidence.
        failure_p: Evidence on failed orders counts at or below this p-value.
        bars_missing_limit: Share of the session's bars missing that is a breach.
        bars_missing_warn: Share of the session's bars missing that is worth a look.
        stale_after: Sessions without a closed trade or a resolved forecast after which nothing is said.
        hit_rate_sessions: Resolved sessions of a group below which its hit rate is not judged.
        hit_rate_p: Evidence that a group's hit rate lies below a coin's counts at or below this p-value.
        trade_window: Newest trades in profit factor, expectancy and their deepest fall.
        return_bound: Greatest size of a return that intervals and bets allow for; doubled until it holds what
            was seen.
        expectancy_p: Evidence that a trade loses on average counts at or below this p-value.
        turnover_window: Sessions in the turnover.
        live_days: Days of calls and messages that the readings of a running daemon look back on.
        provider_slow_s: Seconds above which a provider's answer is slow.
        channel_slow_s: Seconds from a message's writing to its delivery above which a channel is slow.
        slow_accepted: Share of slow answers or deliveries that is nothing unusual.
        provider_stale_s: Seconds without what a provider was asked for that are a breach.
        forecast_late_s: Seconds from a session's due instant to its forecasts that are a breach.
        live_failure_limit: Share of sessions (or messages) that went wrong which is a breach where evidence
            agrees.
        live_failure_accepted: Share of them that is nothing unusual, the null of that evidence.
    """

    psi_limit: float = 0.2
    psi_warn: float = 0.1
    drift_p: float = 0.01
    false_discovery_rate: float = 0.01
    drift_share_limit: float = 0.25
    missing_limit: float = 0.5
    false_alarms_per_year: float = 0.25
    pooled_fall: float = 0.05
    joint_stale_after: int = 15
    sessions_per_year: int = 252
    win_rate_baseline: float | None = None
    win_rate_window: int = 20
    win_rate_drop: float = 0.10
    trade_overlap: int = 5
    reference_trades: int = 100
    sharpe_baseline: float | None = None
    sharpe_window: int = 63
    sharpe_drop: float = 0.1
    reference_sessions: int = 126
    drawdown_limit: float = 0.10
    drawdown_warn: float = 0.05
    horizon: int = 5
    calibration_window: int = 60
    gap_window: int = 20
    ece_limit: float = 0.05
    calibration_gap_limit: float = 0.10
    calibration_p: float = 0.01
    order_window: int = 20
    failure_rate_limit: float = 0.05
    failure_rate_accepted: float = 0.01
    failure_p: float = 0.01
    bars_missing_limit: float = 0.05
    bars_missing_warn: float = 0.01
    stale_after: int = 60
    hit_rate_sessions: int = 20
    hit_rate_p: float = 0.01
    trade_window: int = 100
    return_bound: float = 0.2
    expectancy_p: float = 0.01
    turnover_window: int = 20
    live_days: int = 90
    provider_slow_s: float = 60.0
    channel_slow_s: float = 60.0
    slow_accepted: float = 0.05
    provider_stale_s: float = 86_400.0
    forecast_late_s: float = 14_400.0
    live_failure_limit: float = 0.10
    live_failure_accepted: float = 0.05

    def __post_init__(self) -> None:
        for name in _LENGTHS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        if not 0 < self.false_alarms_per_year < math.inf:
            raise ValueError(
                f"false_alarms_per_year is {self.false_alarms_per_year}: a positive number is needed"
            )
        if not 0 < self.return_bound < math.inf:
            raise ValueError(f"return_bound is {self.return_bound}: a positive fraction is needed")
        if not 0 < self.pooled_fall < 1:
            raise ValueError(f"pooled_fall is {self.pooled_fall}: a share between 0 and 1 is needed")
        if self.win_rate_baseline is not None and not 0 < self.win_rate_baseline < 1:
            raise ValueError(
                f"win_rate_baseline is {self.win_rate_baseline}: a share between 0 and 1 is needed"
            )

    @property
    def sessions_between_false_alarms(self) -> float:
        """What `false_alarms_per_year` means in sessions, at least 1."""
        return max(1.0, self.sessions_per_year / self.false_alarms_per_year)
