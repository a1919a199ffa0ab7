"""The demands: what the firing alerts ask of the trading gate, whatever their marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from alerts.alert import Alert, AlertState
from alerts.compose import amount
from alerts.rule import Action
from alerts.rulebook import Rulebook
from trading.gate import Demand, GateState

DEMANDS: Final = {
    Action.REDUCE_ONLY: (GateState.REDUCE_ONLY, False),
    Action.CLOSE_ONLY: (GateState.REDUCE_ONLY, True),
    Action.HALT: (GateState.HALTED, True),
}
"""What each action asks of the gate, and whether it latches."""


def demands(book: Rulebook, alight: Iterable[Alert]) -> tuple[Demand, ...]:
    """Return what firing alerts ask of the gate."""
    found = []
    for alert in alight:
        rule = book.get(alert.rule)
        if rule is not None and rule.action in DEMANDS:
            reason = f"{rule.summary} ({alert.subject} {amount(rule.metric, alert.value)})"
            found.append(Demand(*DEMANDS[rule.action], rule.name, reason, alert.spell))
    return tuple(found)


def latching(alerts: Iterable[Alert]) -> tuple[str, ...]:
    """Return the spells of the alerts that fire under a rule whose pause only a person lifts."""
    return tuple(alert.spell for alert in alerts if alert.state is AlertState.FIRING and alert.latches)
