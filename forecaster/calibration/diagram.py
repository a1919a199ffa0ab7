"""The reliability diagram: stated against observed, with the band of calibrated forecasters."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from forecaster.calibration.evaluation import Evaluation

INSIDE: Final = "#2b5fb4"
OUTSIDE: Final = "#c53030"
BAND: Final = "#d6e4f5"
GREY: Final = "#8a8f98"
LEAST_SPAN: Final = 0.02


def plot(evaluation: Evaluation, title: str = "Calibration") -> bytes:
    """Draw the reliability table as a PNG.

    Args:
        evaluation: An empty one gives a picture that says so.
        title: Printed above.
    """
    # matplotlib costs a second, and only who draws should pay it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel("stated probability")
    axes.set_ylabel("share that came true")
    if evaluation.bins:
        low, high = _limits(evaluation)
        stated = [one.stated for one in evaluation.bins]
        axes.plot([low, high], [low, high], color=GREY, linewidth=1)
        axes.fill_between(
            stated,
            [one.low for one in evaluation.bins],
            [one.high for one in evaluation.bins],
            color=BAND,
            label="95 % of calibrated forecasters",
        )
        axes.scatter(
            stated,
            [one.observed for one in evaluation.bins],
            c=[INSIDE if one.consistent else OUTSIDE for one in evaluation.bins],
            zorder=3,
        )
        axes.axhline(evaluation.base_rate, color=GREY, linewidth=0.8, linestyle=":", label="base rate")
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="upper left")
    axes.text(0.98, 0.02, _summary(evaluation), transform=axes.transAxes, ha="right", va="bottom", fontsize=9)
    out = BytesIO()
    figure.savefig(out, format="png", dpi=130, metadata={"Software": None})
    return out.getvalue()


def _limits(evaluation: Evaluation) -> tuple[float, float]:
    values = [evaluation.base_rate]
    for one in evaluation.bins:
        values += [one.stated, one.observed, one.low, one.high]
    low, high = min(values), max(values)
    edge = max(0.05 * (high - low), LEAST_SPAN)
    return low - edge, high + edge


def _summary(evaluation: Evaluation) -> str:
    if evaluation.n == 0:
        return "no resolved forecast"
    worth = f"{evaluation.effective:,.0f}" if evaluation.by_session else "an unknown number"
    return (
        f"{evaluation.n:,} forecasts, {evaluation.sessions:,} sessions, worth {worth}\n"
        f"ECE {evaluation.ece_debiased:.4f} debiased ({evaluation.ece:.4f} raw), "
        f"below {evaluation.ece_upper:.4f}\n"
        f"log-loss skill {evaluation.log_loss_skill:+.4f}, Brier skill {evaluation.brier_skill:+.4f}"
    )
