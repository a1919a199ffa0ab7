"""The plots that `--plot` writes: one figure a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from market.panel import FloatArray
from monitors.reading import Reading, State
from monitors.report import CalibrationReport, DriftReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {State.OK: "#1a7f4b", State.WARN: "#b7791f", State.BREACH: "#c53030", State.NO_DATA: "#9aa0a6"}


def plot_drift(report: DriftReport, path: Path) -> None:
    """Draw each feature's PSI beside the classic limit, coloured by what its evidence says."""
    psi = [one for one in report.readings if one.metric == "psi"]
    evidence = {one.subject: one for one in report.readings if one.metric == "ks"}
    psi.sort(key=lambda one: (not np.isnan(one.value), one.value))

    def draw(axes: Axes) -> None:
        names = [one.subject for one in psi]
        colours = [COLOURS[evidence.get(one.subject, one).state] for one in psi]
        axes.barh(names, [0.0 if np.isnan(one.value) else one.value for one in psi], color=colours)
        axes.axvline(0.2, color="#555", linestyle="--", linewidth=1)
        for row, one in enumerate(psi):
            axes.annotate(
                _chance(evidence.get(one.subject, one)), (0, row), (4, -3), textcoords="offset points"
            )
        axes.set_xlabel("PSI; the dashed line is the classic 0.2, the colour what the KS evidence says")
        axes.set_title(f"Drift: {report.verdict.value}", loc="left")

    _save(path, draw, height=1.5 + 0.28 * len(psi))


def plot_calibration(report: CalibrationReport, path: Path) -> None:
    """Draw the reliability diagram with the band of calibrated forecasters."""

    def draw(axes: Axes) -> None:
        stated = [one.stated for one in report.bins]
        axes.plot([0, 1], [0, 1], color="#999", linewidth=1)
        low, high = [one.low for one in report.bins], [one.high for one in report.bins]
        axes.fill_between(stated, low, high, color="#d6e4f5", label="95 % of calibrated forecasters")
        colours = ["#2b5fb4" if one.consistent else COLOURS[State.BREACH] for one in report.bins]
        axes.scatter(stated, [one.observed for one in report.bins], c=colours, zorder=3)
        edges = [*low, *high, *stated, *(one.observed for one in report.bins)]
        axes.set_xlim(min(edges, default=0) - 0.02, max(edges, default=1) + 0.02)
        axes.set_ylim(axes.get_xlim())
        axes.set_xlabel("stated probability")
        axes.set_ylabel("share that came true")
        axes.set_title(f"Calibration: {report.verdict.value}", loc="left")
        axes.legend(frameon=False)

    _save(path, draw, height=6)


def plot_performance(returns: FloatArray, verdict: State, path: Path) -> None:
    """Draw the compounded returns and their drawdown."""
    wealth = np.cumprod(1.0 + np.nan_to_num(returns))

    def draw(axes: Axes) -> None:
        peak = np.maximum.accumulate(wealth)
        axes.plot(wealth, color="#2b5fb4")
        axes.fill_between(np.arange(wealth.size), wealth, peak, color="#f2c9c9", label="below the peak")
        axes.set_xlabel("return, in order")
        axes.set_ylabel("wealth, multiple of the start")
        axes.set_title(f"Performance: {verdict.value}", loc="left")
        axes.legend(frameon=False)

    _save(path, draw, height=4.5)


def _save(path: Path, draw: object, *, height: float) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)  # type: ignore[operator]
    figure.savefig(path, dpi=130)


def _chance(reading: Reading) -> str:
    if reading.evidence is None or reading.evidence.p_value is None:
        return reading.reason.value if reading.reason else ""
    return f"p = {reading.evidence.p_value:.2g}"
