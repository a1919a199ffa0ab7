"""The chart: both equity curves as inline SVG that keeps its type size at every width.

The curves live in a stretched coordinate system of their own; everything with letters in it is placed in per
cent of the outer one, so that a phone shrinks the curves and not the labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from daemon.summary import Pause
from daemon.web.page_html import Html, element, join
from daemon.web.page_words import count, usd
from daemon.web.status_curve import EquityPoint

GRID: Final = 1000
MOST_DATES: Final = 7
NARROWEST: Final = 0.003
"""Share of the width that a pause takes at the least, so that it is seen."""


class Span(NamedTuple):
    """What the chart covers: sessions from left to right, USD from bottom to top."""

    first: date
    last: date
    low: float
    high: float

    def x(self, day: date) -> float:
        """Return where a date lies, 0 left to 1 right."""
        days = (self.last - self.first).days
        return min(1.0, max(0.0, (day - self.first).days / days)) if days else 0.0

    def y(self, value: float) -> float:
        """Return where an equity lies, 0 top to 1 bottom."""
        return 1.0 - (value - self.low) / (self.high - self.low)


def chart(points: tuple[EquityPoint, ...], pauses: tuple[Pause, ...]) -> Html:
    """Return the chart, its axes and its words for those who cannot see it; needs two points at least."""
    values = [v for p in points for v in (p.paper, p.ungated) if math.isfinite(v)]
    ticks = money_ticks(min(values), max(values))
    span = Span(points[0].session, points[-1].session, ticks[0], ticks[-1])
    title = element("title", "Equity of the paper account, behind the gate and with the gate held open")
    described = element("desc", _description(points, pauses))
    lines = join(
        *(
            element("line", x1="0", x2="100%", y1=_at(span.y(t)), y2=_at(span.y(t)), class_="grid")
            for t in ticks
        )
    )
    plot = element(
        "svg",
        title,
        described,
        *(_shade(span, pause) for pause in pauses),
        lines,
        element(
            "svg",
            _curve(span, points, lambda point: point.ungated, "ungated"),
            _curve(span, points, lambda point: point.paper, "paper"),
            viewBox=f"0 0 {GRID} {GRID}",
            preserveAspectRatio="none",
            width="100%",
            height="100%",
        ),
        *_dates(span),
        class_="plot",
        role="img",
    )
    return element("div", _money(span, ticks), plot, class_="chart")


def money_ticks(low: float, high: float) -> list[float]:
    """Return round amounts, three to six of them, the first below `low` and the last above `high`."""
    room = (high - low) or abs(high) * 0.1 or 1.0
    rough = room / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _curve(
    span: Span, points: tuple[EquityPoint, ...], value: Callable[[EquityPoint], float], name: str
) -> Html:
    places = " ".join(
        f"{span.x(point.session) * GRID:.1f},{span.y(value(point)) * GRID:.1f}"
        for point in points
        if math.isfinite(value(point))
    )
    return element("polyline", points=places, class_=f"curve {name}")


def _shade(span: Span, pause: Pause) -> Html:
    left = min(span.x(pause.start), 1.0 - NARROWEST)
    width = max(span.x(pause.end or span.last) - left, NARROWEST)
    return element(
        "rect",
        element("title", _pause_words(pause)),
        x=_at(left),
        width=_at(width),
        y="0",
        height="100%",
        class_=f"pause {pause.strictest.value.lower()}",
    )


def _money(span: Span, ticks: list[float]) -> Html:
    labels = (
        element(
            "text", _short(tick, ticks[1] - ticks[0]), x="100%", dx="-10", y=_at(span.y(tick)), dy="0.32em"
        )
        for tick in ticks
    )
    return element("svg", *labels, class_="money", aria_hidden="true")


def _dates(span: Span) -> list[Html]:
    days = date_ticks(span.first, span.last)
    years = (span.last - span.first).days > 3 * 365
    labels = []
    for i, day in enumerate(days):
        x = span.x(day)
        words = str(day.year) if years else f"{day:%d %b %Y}"
        anchor = "start" if x < 0.04 else "end" if x > 0.96 else "middle"
        kind = "minor" if i % 2 else "major"
        labels.append(element("text", words, x=_at(x), y="100%", dy="22", text_anchor=anchor, class_=kind))
    return labels


def date_ticks(first: date, last: date) -> list[date]:
    """Return the dates to name on the axis: new years over a long span, even steps over a short one."""
    years = [date(year, 1, 1) for year in range(first.year + 1, last.year + 1)]
    if (last - first).days > 3 * 365:
        return years[:: math.ceil(len(years) / MOST_DATES)]
    days = (last - first).days
    steps = min(4, days)
    places = (
        {first.toordinal() + round(i * days / steps) for i in range(steps + 1)}
        if steps
        else {first.toordinal()}
    )
    return [date.fromordinal(place) for place in sorted(places)]


def _description(points: tuple[EquityPoint, ...], pauses: tuple[Pause, ...]) -> str:
    first, last = points[0], points[-1]
    return (
        f"From {first.session} to {last.session} the account behind the gate went from {usd(first.paper)} to "
        f"{usd(last.paper)}; with the gate held open it would stand at {usd(last.ungated)}. "
        f"{count(len(pauses), 'pause')} shaded."
    )


def _pause_words(pause: Pause) -> str:
    until = f"until {pause.end}" if pause.end else "and still"
    return f"{pause.strictest.value} from {pause.start} {until}: {pause.rule}"


def _short(value: float, step: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            digits = max(0, min(3, math.ceil(-math.log10(step / size) - 1e-9)))
            return f"{value / size:.{digits}f}{unit}"
    return f"{value:.4g}"


def _at(share: float) -> str:
    return f"{share * 100:.3f}%"
