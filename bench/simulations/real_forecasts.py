"""Calibration of real forecasts with outcomes.

Forecasts of games published by FiveThirtyEight (CC BY 4.0): those of baseball are calibrated, those of
basketball say too much for the home team. The whole table is judged once, each forecast by itself and then
with those of one day as one (they may depend on each other); as a stream, the e-detector looks after every
forecast, or day, with one false alarm per 5,000 of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.development_data import FORECASTS
from bench.finding import Finding
from monitors.arrays import FloatArray, IntArray
from monitors.calibration_report import BETWEEN_ALARMS, calibration_report
from monitors.calibration_tests import SHARES, first_alarm, gains_by_time
from monitors.reading import Reading

TITLE = "Calibration of real forecasts"
NEEDS = (FORECASTS,)
FULL = 1_000_000  # forecasts of each kind, at most: all of them
SOON = 2_000  # games
WANTED = {"mlb_games": "ok", "nba_games": "breach"}
SHOWN = ("spiegelhalter_z", "sum_z", "calibration_evidence")


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Most forecasts of each kind, from the first on.
    """
    table = pd.read_csv(FORECASTS)
    found = []
    for dataset, wanted in WANTED.items():
        part = table[table["dataset"] == dataset].sort_values("forecast_date", kind="stable")[:size]
        stated, came = part["prob"].to_numpy(np.float64), part["outcome"].to_numpy(np.float64)
        days = part["forecast_date"].to_numpy()
        for way, time in (("each forecast by itself", None), ("those of a day as one", days)):
            report = calibration_report(stated, came, time)
            numbers = ", ".join(_number(reading) for reading in report.readings if reading.metric in SHOWN)
            what = f"{dataset}, {len(part):,} forecasts, {way}"
            found.append(Finding.answer(what, wanted, report.verdict.value, note=numbers))
        found += _as_stream(dataset, stated, came, days)
    return found


def games_to_alarm(stated: FloatArray, came: FloatArray, starts: IntArray) -> int | None:
    """Forecasts made when the stream's alarm comes, looking where each time begins; None for none."""
    times = first_alarm(gains_by_time(stated, came, starts, SHARES), BETWEEN_ALARMS)
    return None if times is None else int(np.append(starts, stated.size)[times])


def _as_stream(dataset: str, stated: FloatArray, came: FloatArray, days: np.ndarray) -> list[Finding]:
    _, first = np.unique(days, return_index=True)
    found = []
    for way, starts in (("after every forecast", np.arange(stated.size)), ("after every day", first)):
        games = games_to_alarm(stated, came, starts)
        what = f"{dataset} as a stream, looked at {way}: forecasts to the alarm"
        if WANTED[dataset] == "ok":
            allowed = f"{starts.size // BETWEEN_ALARMS} expected at most in {starts.size:,} looks"
            found.append(Finding.text(what, f"{'none' if games is None else f'{games:,}'}; {allowed}"))
            continue
        by_day = "day" in way
        note = "a day is one bet, so there are fewer of them" if by_day else ""
        at_most = np.inf if by_day else SOON
        found.append(Finding.number(what, np.nan if games is None else games, at_most=at_most, note=note))
    return found


def _number(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return reading.metric
    if evidence.e_value is not None:
        return f"e = {evidence.e_value:.2g}"
    return f"{reading.metric} = {reading.value:.2f}, p = {evidence.p_value:.2g}"
