"""The honesty report as one page that needs nothing beside it: no script, no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Final

from backtest.honest_words import headline, regime_verdict, sentences, unpopulated
from backtest.honesty import Honesty
from daemon.commands.forecaster_terminal import ASKED, number
from daemon.web.page_html import Html, element, join

STYLE: Final = Html(
    files("daemon.web").joinpath("page.css").read_text(encoding="utf-8")
    + """
.verdict h1 { font-size: 34px; } .verdict p { margin-top: 8px; max-width: 78ch; }
table.report { width: 100%; border-collapse: collapse; font-size: 14px; }
.report th, .report td { padding: 6px 8px; text-align: right; border-bottom: 1px solid var(--line); }
.report th { color: var(--soft); font-weight: 560; font-size: 12.5px; }
.report th:first-child, .report td:first-child, .report .words { text-align: left; }
.report th, .report td, .report td:last-child, .report th:last-child { width: auto; }
.report tr.own td { font-weight: 620; } .report tr.few td { color: var(--soft); }
.scroll { overflow-x: auto; } svg.figure { width: 100%; height: auto; display: block; }
.figure text { fill: var(--soft); font-size: 12px; } .figure .axis { stroke: var(--line); }
.figure .mid { stroke: var(--other); stroke-dasharray: 4 4; } .figure .band { fill: var(--blue-tint); }
.figure .curve { fill: none; stroke: var(--blue); stroke-width: 2; } .figure circle { fill: var(--blue); }
.figure circle.off { fill: var(--red); }
"""
)

WIDE, HIGH = 520.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 12.0, 28.0
MOST_POINTS: Final = 600


def page(found: Honesty, source: str, left_out: Sequence[str] = ()) -> str:
    """Return the page.

    Args:
        found: The report.
        source: Name of the price file.
        left_out: Which bars of it were, a heading and a line of each kind; empty where none was.
    """
    top = element(
        "header",
        element("strong", "Forewarn"),
        element("span", f"Is the forecaster worth anything? {source}"),
        element("span", f"{found.first} to {found.last}"),
    )
    main = element(
        "main",
        _verdict(found),
        element("div", _reliability(found), _cumulated(found), class_="pair"),
        _rivals(found),
        element("div", _scores(found), _signals(found), class_="pair"),
        _regimes(found),
        _coverage(found),
        _left_out(left_out),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{headline(found)}: {source}"),
        element("style", STYLE),
    )
    body = element("body", top, main, element("footer", _foot(found)))
    return "<!doctype html>" + element("html", head, body, lang="en")


def _verdict(found: Honesty) -> Html:
    state, said = "active" if found.edge else "reduce_only", headline(found)
    return element(
        "section",
        element(
            "div", f"{ASKED[found.target].capitalize()} over {found.horizon} sessions?", class_="eyebrow"
        ),
        element("h1", f"{said[0].upper()}{said[1:]}"),
        *(element("p", sentence) for sentence in sentences(found)),
        class_=f"gate verdict {state}",
    )


def _foot(found: Honesty) -> str:
    return (
        f"{found.forecasts:,} forecasts of {found.tickers} tickers in {found.sessions:,} sessions; "
        f"{found.models} models, each fitted to what was resolved by then; {found.no_calls:,} without a "
        "call. Returns are gross of costs."
    )


def _rivals(found: Honesty) -> Html:
    rows = []
    for one in found.rivals:
        low, high = one.right.interval
        rows.append(
            (
                one.name,
                number(one.ranking.rank_ic.mean, "+.4f") if one.ranking else "",
                number(one.ranking.rank_ic.t, "+.1f") if one.ranking else "",
                number(one.right.mean, ".2%"),
                f"{low:.2%} to {high:.2%}" if one.right.error > 0 else "",
                number(one.sharpe, "+.2f") + (" long only" if one.long_only else ""),
            )
        )
    head = ("", "rank IC", "t", "right", "95 %", "Sharpe, gross")
    return _card("Against simple rivals", _table(head, rows, classes=["own"]))


def _scores(found: Honesty) -> Html:
    pooled = found.pooled
    rows = [
        ("log-loss skill", f"{found.log_loss_skill:+.6f}"),
        ("nats gained per 1,000 forecasts", f"{1e3 * found.log_loss_gain.mean:+.4f}"),
        ("its standard error", number(1e3 * found.log_loss_gain.error, ".4f")),
        ("Brier skill", f"{found.brier_skill:+.6f}"),
        ("pooled ECE, debiased", f"{pooled.ece_debiased:.4f}"),
        ("its upper 95 % bound", f"{pooled.ece_upper:.4f}"),
        ("calls that state the base rate", f"{found.at_base:.1%}"),
    ]
    return _card("Do probabilities come true?", _table(("", "value"), rows))


def _signals(found: Honesty) -> Html:
    rows = [
        (
            one.name.replace("_", " "),
            number(one.rank_ic.mean, "+.4f"),
            number(one.rank_ic.t, "+.1f"),
            f"{one.weight:.1%}",
        )
        for one in found.signals
    ]
    return _card("Signals", _table(("", "rank IC", "t", "mean weight"), rows))


def _regimes(found: Honesty) -> Html:
    title = "Calibration by regime"
    if not found.regimes:
        return _card(title, element("p", unpopulated(found), class_="empty"))
    rows, classes = [], []
    for one in found.regimes:
        judged = one.evaluation
        error = f"{judged.ece_debiased:.4f}" if one.is_enough else ""
        name = one.regime.replace("_", " ")
        rows.append((name, f"{judged.sessions:,}", f"{judged.n:,}", error, regime_verdict(one)))
        classes.append("" if one.is_enough else "few")
    head = ("", "sessions", "forecasts", "ECE", "verdict")
    table = _table(head, rows, classes=classes, words=4)
    rare = unpopulated(found)
    content = join(table, element("p", rare, class_="empty")) if rare else table
    return _card(title, content)


def _coverage(found: Honesty) -> Html:
    if not found.coverage:
        return Html("")
    rows = [
        (str(one.year), str(one.members), str(one.held), number(one.share, ".0%"), str(one.strangers))
        for one in found.coverage
    ]
    head = ("year", "members", "with a price", "share", "no members")
    return _card("Survivorship", _table(head, rows))


def _left_out(lines: Sequence[str]) -> Html:
    if not lines:
        return Html("")
    heading, *kinds = lines
    return _card("Left out of the prices", join(*(element("p", one) for one in kinds)), heading)


def _reliability(found: Honesty) -> Html:
    bins = found.pooled.bins
    title = "Stated against observed"
    if len(bins) < 2:
        return _card(
            title, element("p", "One probability was stated: there is nothing to draw.", class_="empty")
        )
    values = [v for one in bins for v in (one.stated, one.observed, one.low, one.high)]
    low, high = min(values), max(values)
    room = max(0.05 * (high - low), 0.002)
    plot = _Plot(low - room, high + room, low - room, high + room)
    band = [(one.stated, one.low) for one in bins] + [(one.stated, one.high) for one in reversed(bins)]
    marks = [
        element(
            "circle",
            element("title", f"{one.n:,} forecasts: stated {one.stated:.2%}, came {one.observed:.2%}"),
            cx=f"{plot.x(one.stated):.1f}",
            cy=f"{plot.y(one.observed):.1f}",
            r="5",
            class_="" if one.consistent else "off",
        )
        for one in bins
    ]
    drawn = join(
        element("polygon", points=plot.points(band), class_="band"),
        plot.line((plot.low_x, plot.low_x), (plot.high_x, plot.high_x), "mid"),
        *marks,
    )
    note = "shaded: where 95 % of calibrated forecasters lie"
    return _card(
        title, plot.drawn(drawn, "share that came true against stated probability", percent=True), note
    )


def _cumulated(found: Honesty) -> Html:
    values = found.cumulated
    step = max(1, math.ceil(len(values) / MOST_POINTS))
    taken = [*range(0, len(values), step)]
    low, high = min(0.0, *values), max(0.0, *values)
    room = max(0.05 * (high - low), 0.1)
    plot = _Plot(0.0, float(max(len(values) - 1, 1)), low - room, high + room)
    drawn = join(
        plot.line((plot.low_x, 0.0), (plot.high_x, 0.0), "mid"),
        element("polyline", points=plot.points([(float(i), values[i]) for i in taken]), class_="curve"),
        element("text", found.first, x=f"{LEFT:.0f}", y=f"{HIGH - 8:.0f}"),
        element("text", found.last, x=f"{WIDE - RIGHT:.0f}", y=f"{HIGH - 8:.0f}", text_anchor="end"),
    )
    note = "rises where the order of the leans was right"
    return _card("Rank IC, added up", plot.drawn(drawn, "sum of the rank ICs by session", x=False), note)


class _Plot:
    """A rectangle with axes; values in, places out."""

    def __init__(self, low_x: float, high_x: float, low_y: float, high_y: float) -> None:
        self.low_x, self.high_x, self.low_y, self.high_y = low_x, high_x, low_y, high_y

    def x(self, value: float) -> float:
        return LEFT + (value - self.low_x) / (self.high_x - self.low_x) * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HIGH - BOTTOM - (value - self.low_y) / (self.high_y - self.low_y) * (HIGH - TOP - BOTTOM)

    def points(self, pairs: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in pairs)

    def line(self, start: tuple[float, float], end: tuple[float, float], class_: str) -> Html:
        return element(
            "line",
            x1=f"{self.x(start[0]):.1f}",
            y1=f"{self.y(start[1]):.1f}",
            x2=f"{self.x(end[0]):.1f}",
            y2=f"{self.y(end[1]):.1f}",
            class_=class_,
        )

    def drawn(self, content: Html, described: str, *, percent: bool = False, x: bool = True) -> Html:
        """The figure with round ticks on each axis."""
        parts = []
        for y, said in ticks(self.low_y, self.high_y, percent=percent):
            at = self.y(y)
            parts.append(self.line((self.low_x, y), (self.high_x, y), "axis"))
            parts.append(element("text", said, x=f"{LEFT - 8:.0f}", y=f"{at + 4:.1f}", text_anchor="end"))
        for value, said in ticks(self.low_x, self.high_x, percent=percent) if x else ():
            place = f"{self.x(value):.1f}"
            parts.append(element("text", said, x=place, y=f"{HIGH - 8:.0f}", text_anchor="middle"))
        box = f"0 0 {WIDE:.0f} {HIGH:.0f}"
        title = element("title", described)
        return element("svg", title, *parts, content, viewBox=box, class_="figure", role="img")


def ticks(low: float, high: float, *, percent: bool = False) -> tuple[tuple[float, str], ...]:
    """Return two to six round values of a range with their labels; 0 is one of them where it lies within."""
    rough = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1.0, 2.0, 5.0, 10.0) if nice * power >= rough * (1.0 - 1e-9))
    digits = max(0, -math.floor(math.log10(step * (100.0 if percent else 1.0)) + 1e-9))
    form = f".{digits}{'%' if percent else 'f'}"
    multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return tuple((n * step, format(n * step, form)) for n in multiples)


def _card(title: str, content: Html, note: str = "") -> Html:
    head = element("h2", title, element("span", note, class_="note") if note else "")
    return element("section", head, content, class_="card")


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    classes: Sequence[str] = (),
    words: int = -1,
) -> Html:
    lines = []
    for row, cells in enumerate(rows):
        drawn = [element("td", cell, class_="words" if i == words else "") for i, cell in enumerate(cells)]
        lines.append(element("tr", *drawn, class_=classes[row] if row < len(classes) else ""))
    top = element(
        "tr", *(element("th", name, class_="words" if i == words else "") for i, name in enumerate(head))
    )
    table = element("table", element("thead", top), element("tbody", *lines), class_="report")
    return element("div", table, class_="scroll")
