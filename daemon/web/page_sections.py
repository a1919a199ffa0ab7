"""The sections of the page: each takes a part of the status and returns its HTML."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from itertools import groupby

from daemon.live.health import LoopHealth
from daemon.summary import Pause
from daemon.web.page_chart import chart
from daemon.web.page_html import Html, element, join
from daemon.web.page_parts import card, chip, dot, empty, facts_list, fold, small, table
from daemon.web.page_words import (
    MONITORS,
    amount,
    chance,
    count,
    instant,
    limit,
    metric_name,
    percent,
    progress,
    usd,
)
from daemon.web.status import GateMove, SessionFacts, Status
from monitors.reading import Reading, State

OPEN_PAUSES = 8
EVIDENT_P = 0.01
WORST_FIRST = (State.BREACH, State.WARN, State.NO_DATA, State.OK)


def equity(status: Status) -> Html:
    """The equity curve, both books."""
    points, summary = status.equity, status.summary
    if len(points) < 2:
        return card("Equity", empty("The curve begins with the second settled session."))
    newest = points[-1]
    legend = element(
        "div",
        _book("paper", "Paper account, behind the gate", newest.paper, summary.max_drawdown),
        _book("ungated", "The same with the gate held open", newest.ungated, summary.max_drawdown_ungated),
        class_="books",
    )
    shades = [
        element("span", element("i", class_=f"swatch {state}"), words)
        for state, words in (("reduce_only", "reduce only"), ("halted", "halted"), ("unknown", "unknown"))
        if any(pause.strictest.value.lower() == state for pause in summary.pauses)
    ]
    note = element("p", "Paused: ", *shades, class_="shades") if shades else Html()
    return card("Equity, USD", legend, chart(points, summary.pauses), note)


def last_session(facts: SessionFacts | None) -> Html:
    """What the newest session brought."""
    if facts is None:
        return card("Last session", empty("No session has been stored yet."))
    calls, readings = facts.forecasts, facts.readings
    rows = [
        ("Session", f"{facts.session} ({facts.calendar})"),
        ("Closed", instant(facts.closed_at)),
        ("Judged", "yes" if facts.judged else "not yet"),
        ("Bars", f"{facts.bars:,}, {facts.missing:,} missing"),
        ("Regime", _regime(facts)),
        ("Model", _model(facts)),
        ("Forecasts", f"{calls['up']} up, {calls['down']} down, {calls['no_call']} no call"),
        (
            "Readings",
            f"{readings['ok']} ok, {readings['warn']} warn, {readings['breach']} breach, "
            f"{readings['no_data']} no data",
        ),
    ]
    return card("Last session", facts_list(rows))


def _regime(facts: SessionFacts) -> str:
    if not facts.regime:
        return "not known yet"
    return f"{facts.regime.replace('_', ', ')}, since {facts.regime_since}"


def _model(facts: SessionFacts) -> str:
    if facts.model is None:
        return "none has been fitted yet"
    edge = f"believes {facts.model_strength:.0%} of its leans" if facts.model_strength else "no edge found"
    return f"{facts.model}, fitted {facts.model_fitted_on}, {edge}"


def process(status: Status) -> Html:
    """The loops and the messages on their way."""
    waiting = status.outbox["pending"] + status.outbox["retry"] + status.outbox["claimed"]
    failed, unsure = status.outbox["failed"], status.outbox["unknown"]
    delivery = facts_list(
        [
            ("Messages waiting", f"{waiting:,}"),
            ("Failed for good", f"{failed:,}"),
            ("May not have arrived", f"{unsure:,}"),
        ]
    )
    return card("Process", element("div", loops(status.loops, status.at), delivery, class_="pair"))


def loops(found: tuple[LoopHealth, ...], now: datetime) -> Html:
    """The loops' health."""
    if not found:
        return empty("No loop has reported yet.")
    rows = (
        element(
            "li",
            chip("ok", "In time") if loop.ok else chip("breach", "Late"),
            element("div", element("b", loop.name), small(progress(loop, now) + dot(loop.note))),
            class_="row",
        )
        for loop in found
    )
    return element("ul", *rows, class_="rows")


def pauses(found: tuple[Pause, ...], moves: tuple[GateMove, ...]) -> Html:
    """Every pause, newest first, and the gate's own record."""
    rows = [_pause(pause) for pause in reversed(found)]
    head = ("From", "To", "Sessions", "Gate", "Why")
    body: list[Html] = [empty("Trading has not been paused.")] if not rows else []
    if rows:
        body.append(table(head, rows[:OPEN_PAUSES]))
    if len(rows) > OPEN_PAUSES:
        body.append(
            fold(f"{count(len(rows) - OPEN_PAUSES, 'earlier pause')}", table(head, rows[OPEN_PAUSES:]))
        )
    if moves:
        record = [_move(move) for move in moves]
        body.append(
            fold(
                f"The gate's last {count(len(moves), 'transition')}",
                table(("Epoch", "When", "From", "To", "By", "Why"), record),
            )
        )
    return card("Pauses", *body, note=str(len(found)) if found else "")


def monitors(readings: tuple[Reading, ...]) -> Html:
    """The newest readings, one card a monitor."""
    if not readings:
        return card("Readings", empty("The monitors have not spoken yet."))
    names = [*MONITORS, *sorted({one.monitor for one in readings} - set(MONITORS))]
    cards = [
        _monitor(name, mine) for name in names if (mine := [one for one in readings if one.monitor == name])
    ]
    columns = (element("div", *column, class_="stack") for column in (cards[::2], cards[1::2]))
    return element("div", *columns, class_="pair")


def _book(kind: str, name: str, value: float, drawdown: float) -> Html:
    return element(
        "div",
        element("span", element("i", class_=f"key {kind}"), name, class_="name"),
        element("b", usd(value)),
        element("span", f"largest drawdown {percent(drawdown)}", class_="small"),
    )


def _monitor(name: str, readings: list[Reading]) -> Html:
    return card(MONITORS.get(name, name), _metrics(readings), note=_states(readings))


def _states(readings: list[Reading]) -> str:
    """Return how many readings are in which state, the worst first."""
    counts = Counter(one.state for one in readings)
    return ", ".join(f"{counts[state]} {_state(state).lower()}" for state in WORST_FIRST if counts[state])


def _metrics(readings: list[Reading]) -> Html:
    """One row a metric; a metric of many subjects is folded."""
    by_metric = [list(group) for _, group in groupby(readings, key=lambda one: one.metric)]
    single = [_reading(group[0], metric_name(group[0].metric)) for group in by_metric if len(group) == 1]
    folded = [_folded(group) for group in by_metric if len(group) > 1]
    return element("ul", *single, *folded, class_="rows")


def _folded(group: list[Reading]) -> Html:
    ordered = sorted(group, key=lambda one: (WORST_FIRST.index(one.state), _p(one), one.subject))
    unlikely = sum(_p(one) <= EVIDENT_P for one in group)
    evident = f"{unlikely} of {len(group)} unlikely by chance (p \N{LESS-THAN OR EQUAL TO} {EVIDENT_P:g})"
    rows = element("ul", *(_reading(one, one.subject) for one in ordered), class_="rows")
    body = element(
        "div",
        element("b", metric_name(group[0].metric)),
        small(_states(group) + dot(evident)),
        fold(f"All {len(group)}", rows),
    )
    return element("li", chip(ordered[0].state.value, _state(ordered[0].state)), body, class_="row")


def _reading(one: Reading, name: str) -> Html:
    size = f"n = {one.n:,}"
    words = element("div", element("b", name), small(chance(one)), small(size + dot(one.detail)))
    value = element(
        "div", element("b", amount(one.metric, one.value)), element("span", limit(one)), class_="value"
    )
    return element("li", chip(one.state.value, _state(one.state)), words, value, class_="row reading")


def _pause(pause: Pause) -> tuple[str, ...]:
    lifted = f"; lifted by {pause.lifted_by}" if pause.lifted_by else ""
    gate = chip(pause.strictest.value.lower(), pause.strictest.value)
    why = join(pause.reason, lifted, element("code", pause.rule))
    return (str(pause.start), _ended(pause.end), f"{pause.sessions:,}", gate, why)


def _move(move: GateMove) -> tuple[str, ...]:
    after = chip(move.after.value.lower(), move.after.value)
    why = join(move.reason, element("code", move.rule)) if move.rule else move.reason
    return (f"{move.epoch:,}", instant(move.at), move.before.value, after, move.actor, why)


def _ended(end: date | None) -> str:
    return str(end) if end else "still paused"


def _state(state: State) -> str:
    return "OK" if state is State.OK else state.value.replace("_", " ").capitalize()


def _p(one: Reading) -> float:
    p_value = one.evidence.p_value if one.evidence else None
    return 1.0 if p_value is None else p_value
