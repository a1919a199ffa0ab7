"""The page: the status for people, one self-contained HTML document without scripts."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from daemon.live.health import LoopHealth
from daemon.web import page_alerts
from daemon.web import page_sections as sections
from daemon.web.page_html import Html, element, join
from daemon.web.page_parts import card
from daemon.web.page_words import MEANING, count, duration, instant
from daemon.web.status import GateStatus, Status
from trading.gate import GateState

STYLE: Final = Html(files("daemon.web").joinpath("page.css").read_text(encoding="utf-8"))
STYLE_HASH: Final = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What the content security policy admits, and nothing else."""

COLOURS: Final = {
    GateState.ACTIVE: "#1a7f4e",
    GateState.UNKNOWN: "#5d6672",
    GateState.REDUCE_ONLY: "#b26a00",
    GateState.HALTED: "#c4362c",
}


def render(status: Status, *, refresh_s: int, still: bool = False) -> str:
    """Return the page.

    Args:
        status: What to show.
        refresh_s: Seconds after which the browser asks again, unless nothing will change any more.
        still: Whether the visitor wants no reloading.
    """
    summary = status.summary
    reload = 0 if still or status.is_final else refresh_s
    main = element(
        "main",
        *_notices(status),
        _banner(status.gate),
        _totals(status),
        sections.equity(status),
        element(
            "div", page_alerts.firing(status.firing), sections.last_session(status.session), class_="pair"
        ),
        *page_alerts.beside((*status.waiting, *status.resolved), status.silences, status.at),
        sections.pauses(summary.pauses, status.moves),
        sections.monitors(status.readings),
        sections.process(status),
    )
    session = f"Session {status.session.session}" if status.session else "No session yet"
    top = _top(element("span", _kind(status), class_=f"chip kind {status.kind}"), element("span", session))
    links = _reloading(refresh_s, still=still) if not status.is_final else []
    foot = _footer((f"Forewarn {status.version}", status.database), status.at, links)
    return _document(status.gate.state, join(top, main, foot), reload)


def render_unreadable(reason: str, loops: tuple[LoopHealth, ...], *, at: datetime, refresh_s: int) -> str:
    """Return the page of a store that cannot be read: the gate is UNKNOWN, and why."""
    main = element(
        "main",
        _banner(GateStatus.unknown(reason), "The store cannot be read; take it that no order should pass."),
        card("Process", sections.loops(loops, at)),
    )
    top = _top(element("span", "Store unreadable", class_="chip breach"))
    foot = _footer(("Forewarn",), at, _reloading(refresh_s, still=False))
    return _document(GateState.UNKNOWN, join(top, main, foot), refresh_s)


def _document(state: GateState, body: Html, refresh_s: int) -> str:
    icon = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="7" fill="{COLOURS[state]}"/></svg>'
    )
    refresh = [element("meta", http_equiv="refresh", content=refresh_s)] if refresh_s else []
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        *refresh,
        element("title", f"{_words(state)} \N{MIDDLE DOT} Forewarn"),
        element("link", rel="icon", href=f"data:image/svg+xml,{quote(icon)}"),
        element("style", STYLE),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', body), lang='en')}\n"


def _top(*right: Html) -> Html:
    return element("header", element("strong", "Forewarn"), *right)


def _banner(gate: GateStatus, meaning: str = "") -> Html:
    meaning = meaning or MEANING[gate.state]
    if gate.latched:
        meaning += " Only a person lifts it."
    facts = [f"since {instant(gate.since)}"] if gate.since else []
    if gate.rule:
        facts.append(f"rule {gate.rule}")
    if gate.since:
        facts += [f"by {gate.actor}", f"epoch {gate.epoch:,}"]
    reason = gate.reason[:1].upper() + gate.reason[1:]
    return element(
        "section",
        element("p", "Trading is", class_="eyebrow"),
        element("h1", element("i", class_="dot"), _words(gate.state)),
        element("p", meaning, class_="meaning"),
        element("p", reason, class_="why"),
        element("p", " \N{MIDDLE DOT} ".join(facts), class_="facts"),
        class_=f"gate {gate.state.value.lower()}",
    )


def _notices(status: Status) -> list[Html]:
    """What makes the rest of the page doubtful comes before it."""
    notices = []
    for loop in status.loops:
        if not loop.ok:
            ago = duration((status.at - loop.progressed_at).total_seconds())
            text = f"The {loop.name} loop is late: its last round was {ago} ago. What follows may be old."
            notices.append(element("p", text, class_="notice breach", role="alert"))
    if status.outbox["failed"]:
        text = (
            f"{count(status.outbox['failed'], 'message')} could not be delivered and will not be tried again."
        )
        notices.append(element("p", text, class_="notice warn"))
    return notices


def _totals(status: Status) -> Html:
    summary = status.summary
    numbers = (
        ("Sessions judged", summary.sessions),
        ("Readings", summary.readings),
        ("Trades closed", summary.trades),
        ("Alerts fired", summary.fired),
        ("Pauses", len(summary.pauses)),
    )
    tiles = (element("div", element("dt", name), element("dd", f"{n:,}")) for name, n in numbers)
    return element("dl", *tiles, class_="totals")


def _footer(facts: tuple[str, ...], at: datetime, links: list[str]) -> Html:
    text = " \N{MIDDLE DOT} ".join((*facts, f"read {instant(at)}"))
    json = element("a", "JSON", href="/status")
    return element("footer", element("span", text), element("span", *links, json, class_="links"))


def _reloading(refresh_s: int, *, still: bool) -> list[str]:
    if still:
        return ["Not reloading", element("a", "Reload by itself", href="/")]
    return [f"Reloads every {refresh_s} s", element("a", "Hold still", href="/?reload=off")]


def _words(state: GateState) -> str:
    return state.value.replace("_", " ")


def _kind(status: Status) -> str:
    return {"replay": "Replay of history", "live": "Live", "new": "New store"}.get(status.kind, status.kind)
