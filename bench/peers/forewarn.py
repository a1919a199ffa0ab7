"""Forewarn: the same tasks with the monitors' public functions."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from bench.peers.worker import Contender, Family, Setting, Update, Verdict, work
from bench.real_drift.detectors import NewestDays, NewestWindow, PooledWins, ShiftBets
from bench.real_drift.elec2 import A_DAY, COARSE, KNOWN
from monitors import e_detector, win_rate
from monitors.arrays import FloatArray
from monitors.drift import DriftReference, prepare_reference
from monitors.drift_report import drift_report
from monitors.feature_drift import compare, drift_readings
from monitors.reading import State
from monitors.report import UNDATED
from monitors.settings import WatchSettings
from monitors.stack import prepared_psi

LIMITS = WatchSettings()
ONE = ("feature",)
BASELINE, BUDGET = 0.55, 5_000.0


def contender() -> Contender:
    """PSI, KS, the readings, the report, and the detectors."""
    return Contender(
        timed={
            "PSI, reference prepared": _psi,
            "PSI, KS, evidence and verdict, reference prepared": _readings,
            "preparing the reference": _preparing,
            "whole report, nothing prepared": _report,
        },
        decisions={"own windows 1 %": _own_windows, "(classic PSI 0.2, shown only)": _classic},
        robust={"drift report": _verdict},
        wins={"e-detector, one per 5,000": Family(_win_bets, {})},
        detectors={
            "shift bets": Family(_shift_bets, {}, _shift_settings()),
            "shift bets, taken back": Family(_shift_bets, {}, _shift_settings(same=1.0)),
            "own windows": Family(_newest_window, {}, _window_settings(), feeds=("levels", "innovations")),
            "own windows of days": Family(_newest_days, {}, _days_settings(), feeds=("two_hours",)),
            "pooled detector": Family(_pooled, {}, _pooled_settings(), feeds=("wins",)),
        },
    )


def _table(ref: FloatArray) -> FloatArray:
    """Shape (features, n) as (sessions, tickers, features)."""
    return np.ascontiguousarray(ref.T)[:, None, :]


def _names(ref: FloatArray) -> tuple[str, ...]:
    return tuple(f"f{i}" for i in range(len(ref)))


def _prepared(ref: FloatArray, cur: FloatArray) -> DriftReference:
    prepared = prepare_reference(_table(ref), _names(ref), window=cur.shape[1])
    _ = prepared.stack  # made once, when first asked for
    return prepared


def _psi(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
    stack = _prepared(ref, cur).stack
    return lambda: prepared_psi(cur, stack)


def _readings(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
    prepared, new = _prepared(ref, cur), _table(cur)
    return lambda: drift_readings(UNDATED, new, prepared, LIMITS)


def _preparing(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
    return lambda: _prepared(ref, cur)


def _report(ref: FloatArray, cur: FloatArray) -> Callable[[], object]:
    old, new, names = np.ascontiguousarray(ref.T), np.ascontiguousarray(cur.T), _names(ref)
    return lambda: drift_report(old, new, names)


def _own_windows(ref: FloatArray, cur: FloatArray) -> Verdict:
    prepared = prepare_reference(ref[:, None, None], ONE, window=cur.size)
    found = compare(cur[:, None, None], prepared, LIMITS)[0]
    return f"cannot judge: {found.reason}" if found.reason is not None else found.p <= LIMITS.drift_p


def _classic(ref: FloatArray, cur: FloatArray) -> Verdict:
    prepared = prepare_reference(ref[:, None, None], ONE, window=cur.size)
    found = compare(cur[:, None, None], prepared, LIMITS)[0]
    return f"cannot judge: {found.reason}" if found.reason is not None else found.psi > LIMITS.psi_limit


def _verdict(ref: FloatArray, cur: FloatArray) -> Verdict:
    report = drift_report(ref[:, None], cur[:, None], ONE)
    if report.verdict is State.NO_DATA:
        reasons = sorted({reading.reason.value for reading in report.readings if reading.reason is not None})
        return f"cannot judge: {', '.join(reasons)}"
    return report.verdict is State.BREACH


def _win_bets(_: Setting) -> Update:
    stakes = win_rate.bets(BASELINE)
    levels = np.zeros((1, stakes.size))

    def update(loss: float) -> bool:
        nonlocal levels
        levels = e_detector.advance(levels, win_rate.gains(1.0 - loss, stakes, BASELINE))
        return e_detector.level(levels) >= BUDGET

    return update


def _shift_bets(setting: Setting) -> Update:
    return ShiftBets(
        setting["limit"],
        memory=int(setting["memory"]),
        greatest=setting["greatest"],
        same=setting["same"],
    ).update


def _shift_settings(same: float = 0.0) -> tuple[Setting, ...]:
    return tuple(
        {"limit": limit, "memory": memory, "greatest": greatest, "same": same}
        for limit in (30.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e10)
        for memory in (50, 1000)
        for greatest in (1.0, 4.0)
    )


def _newest_window(setting: Setting) -> Update:
    return NewestWindow(setting["p"], window=int(setting["window"])).update


def _window_settings() -> tuple[Setting, ...]:
    return tuple({"p": p, "window": window} for p in (1e-2, 1e-4, 1e-6) for window in (20, 40))


def _newest_days(setting: Setting) -> Update:
    return NewestDays(setting["p"], int(setting["days"]), known=KNOWN, a_day=COARSE).update


def _days_settings() -> tuple[Setting, ...]:
    return tuple({"p": p, "days": days} for p in (0.05, 0.02, 0.01, 3e-3, 1e-3, 1e-4) for days in (2, 5))


def _pooled(setting: Setting) -> Update:
    return PooledWins(setting["sessions"], setting["fall"], known=KNOWN, a_day=A_DAY).update


def _pooled_settings() -> tuple[Setting, ...]:
    return tuple(
        {"sessions": sessions, "fall": fall}
        for sessions in (10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 4000.0)
        for fall in (0.03, 0.08)
    )


if __name__ == "__main__":
    work(contender(), sys.argv[1:])
