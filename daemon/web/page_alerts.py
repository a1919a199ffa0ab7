"""The alerts on the page: what fires, and beside it what waits, is over, or is silenced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from alerts.alert import AlertState
from alerts.rule import Action
from alerts.silence import Silence
from daemon.web.page_html import Html, element, join
from daemon.web.page_parts import card, chip, dot, empty, fold, small
from daemon.web.page_words import amount, count, instant
from daemon.web.status_alerts import OpenAlert

ACTIONS = {
    Action.NOTIFY: "tells, does not pause",
    Action.REDUCE_ONLY: "pauses trading while it fires",
    Action.CLOSE_ONLY: "pauses trading until a person lifts it",
    Action.HALT: "halts trading until a person lifts it",
}
WAITING = {
    AlertState.PENDING: ("warn", "Pending"),
    AlertState.NO_DATA: ("no_data", "No data"),
    AlertState.RESOLVED: ("ok", "Over"),
}


def firing(found: tuple[OpenAlert, ...]) -> Html:
    """The alerts that fire, one entry a rule."""
    if not found:
        return card("Open alerts", empty("No alert fires."))
    return card("Open alerts", element("ul", *_rules(found), class_="rows"), note=str(len(found)))


def beside(alerts: Iterable[OpenAlert], silences: tuple[Silence, ...], now: datetime) -> list[Html]:
    """What does not fire but explains what is told: waiting, without data, lately over, silenced."""
    rows = [*_rules(alerts), *(_silence(one, now) for one in silences)]
    if not rows:
        return []
    return [card("Pending, over and silenced", element("ul", *rows, class_="rows"), note=str(len(rows)))]


def _rules(alerts: Iterable[OpenAlert]) -> list[Html]:
    return [_rule(list(group)) for _, group in groupby(alerts, key=lambda one: (one.state, one.rule))]


def _rule(group: list[OpenAlert]) -> Html:
    first = group[0]
    kind, words = WAITING.get(first.state) or _severity(first)
    action = ACTIONS[first.action] if first.action else "its rule is not in force any more"
    began = min(alert.since for alert in group)
    body = [
        element("b", first.summary or first.rule),
        small(join(element("code", first.rule), dot(action), dot(f"since {began}"), dot(_held(group)))),
    ]
    if first.false_alarms and first.state in {AlertState.FIRING, AlertState.PENDING}:
        body.append(small(f"By chance alone it {first.false_alarms}."))
    if len(group) == 1:
        body.append(small(join(first.subject, ": ", element("b", amount(first.metric, first.value)))))
    else:
        listed = (
            element("li", alert.subject, " ", element("b", amount(alert.metric, alert.value)))
            for alert in group
        )
        body.append(fold(count(len(group), "subject"), element("ul", *listed, class_="subjects")))
    return element("li", chip(kind, words), element("div", *body), class_="row")


def _severity(alert: OpenAlert) -> tuple[str, str]:
    found = alert.severity
    return (found.value, found.value.capitalize()) if found else ("no_data", "Retired")


def _held(group: list[OpenAlert]) -> str:
    """Return who takes care of a rule's alerts, or why nobody is told of them, where that holds for all."""
    carers = {alert.acknowledged_by for alert in group}
    marks = (
        (all(alert.silenced for alert in group), "silenced"),
        (all(alert.inhibited for alert in group), "explained by another alert"),
        (all(alert.flapping for alert in group), "flapping"),
        (len(carers) == 1 and carers != {""}, f"{min(carers)} takes care of it"),
    )
    return ", ".join(words for holds, words in marks if holds)


def _silence(one: Silence, now: datetime) -> Html:
    begins = f"from {instant(one.starts)} " if one.starts > now else ""
    body = element(
        "div",
        element("b", "Not told: ", element("code", f"{one.rule} / {one.subject}")),
        small(f"{begins}until {instant(one.ends)}{dot(f'by {one.actor}')}{dot(one.reason)}"),
    )
    return element("li", chip("info", "Silence"), body, class_="row")
