"""The chart: a metric's recent history against its limit, as a PNG for a mail or a chat."""

from __future__ import annotations

import io
import math
from datetime import date
from threading import Lock
from typing import TYPE_CHECKING, Final

from alerts.message import Curve
from alerts.render_phrases import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES: Final = (5.0, 2.1)
DOTS: Final = 240
"""Dots an inch: 1,200 x 504 pixels, sharp where it is shown 600 wide."""

_INK, _GREY, _GRID = "#1c2430", "#5d6878", "#e3e7ec"
_LINE, _LIMIT = "#1d5fa8", "#b3261e"
_DRAWING = Lock()  # matplotlib's fonts and caches are shared by every thread


class ChartError(Exception):
    """The curve has nothing to draw."""


def render_chart(curve: Curve) -> bytes:
    """Return the curve as a PNG of 1,200 x 504 pixels: dark on white, the limit dashed, the last one marked.

    Unknown values are gaps. It takes tens of milliseconds, and a second the first time: call it in a thread.

    Raises:
        ChartError: No value is known, or there is not one session for each.
    """
    values = [math.nan if value is None else value for value in curve.values]
    if len(values) != len(curve.sessions):
        raise ChartError(f"{len(values)} values for {len(curve.sessions)} sessions; give one for each")
    if not any(map(math.isfinite, values)):
        raise ChartError(f"no value of {one_line(curve.label, 80)!r} is known")
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - it takes a second
    from matplotlib.figure import Figure  # noqa: PLC0415 - it takes a second

    with _DRAWING:
        figure = Figure(figsize=INCHES, dpi=DOTS, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, curve, values)
        png = io.BytesIO()
        canvas.print_png(png)  # type: ignore[no-untyped-call]
    return png.getvalue()


def _draw(axes: Axes, curve: Curve, values: list[float]) -> None:
    title = axes.set_title(one_line(curve.label, 80), loc="left", fontsize=9, color=_INK, fontweight="bold")
    title.set_parse_math(False)
    known = [index for index, value in enumerate(values) if math.isfinite(value)]
    lonely = [i for i in known if i - 1 not in known and i + 1 not in known]
    axes.plot(values, color=_LINE, linewidth=1.6, solid_joinstyle="round")
    axes.plot(lonely, [values[i] for i in lonely], linestyle="none", marker=".", color=_LINE, markersize=4)
    _mark_last(axes, known[-1], values[known[-1]])
    if curve.limit is not None and math.isfinite(curve.limit):
        _draw_limit(axes, curve.limit)
    axes.set_xlim(-0.5, len(values) - 0.5 + 0.09 * max(len(values), 4))  # room for the last value's number
    axes.margins(y=0.18)
    _label_sessions(axes, curve.sessions)
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=_GREY, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GREY)


def _mark_last(axes: Axes, index: int, value: float) -> None:
    axes.plot([index], [value], marker="o", markersize=5, color=_INK, zorder=4)
    axes.annotate(
        _number(value),
        (index, value),
        (6, 0),
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
        color=_INK,
        verticalalignment="center",
    )


def _draw_limit(axes: Axes, limit: float) -> None:
    axes.axhline(limit, color=_LIMIT, linewidth=1.1, linestyle=(0, (4, 3)))
    axes.annotate(
        f"limit {_number(limit)}",
        (0, limit),
        (2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=8,
        color=_LIMIT,
    )


def _label_sessions(axes: Axes, sessions: tuple[str, ...]) -> None:
    """Name four sessions at the most; sessions stand side by side, without the days between them."""
    last = len(sessions) - 1
    ticks = sorted({round(last * part / 3) for part in range(4)}) if last > 0 else [0]
    axes.set_xticks(ticks, [_day(sessions[tick]) for tick in ticks])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _day(session: str) -> str:
    try:
        day = date.fromisoformat(session)
    except ValueError:
        return one_line(session, 12)
    return f"{day.day} {day:%b %Y}"
