"""Explaining: a rule as one sentence of plain English."""

from __future__ import annotations

from typing import Final

from alerts.compose import amount
from alerts.message import Severity
from alerts.rule import Action, Rule, Side

_DONE: Final = {
    Action.NOTIFY: "",
    Action.REDUCE_ONLY: "lets only exits pass until it is over",
    Action.CLOSE_ONLY: "lets only exits pass until a person resumes",
    Action.HALT: "lets nothing pass until a person resumes",
}
_TOLD: Final = {
    Severity.INFO: "is told for information",
    Severity.WARNING: "is told as a warning",
    Severity.CRITICAL: "is told as critical",
}


def explain(rule: Rule, measured: str = "") -> str:
    """Say what a rule looks at, when it fires, what it does, and how often it does so by chance.

    Args:
        rule: The rule.
        measured: What its metric is, in words; the metric's name where that is not known.
    """
    what = f"{measured} ({rule.metric})" if measured else rule.metric
    where = "" if rule.subject == "*" else f" of {rule.subject}"
    parts = [f"Fires when {what}{where} {_condition(rule)}{_patience(rule)}{_witness(rule)}"]
    parts += [_end(rule), _reaction(rule)]
    if rule.inhibited_by:
        parts.append(f"it is not told while {_either(rule.inhibited_by)} fires")
    if rule.no_data_sessions:
        parts.append(f"{_sessions(rule.no_data_sessions)} without data are told")
    parts.append(
        f"by chance alone it {rule.false_alarms}"
        if rule.false_alarms
        else "how often it fires by chance has not been measured"
    )
    return "; ".join(parts) + "."


def _condition(rule: Rule) -> str:
    evidence = ""
    if rule.max_p_value is not None:
        evidence = f"as unlikely by chance as p <= {rule.max_p_value:g}"
    if rule.min_e_value is not None:
        evidence = f"with evidence of e >= {rule.min_e_value:g}"
    if rule.own_limit:
        effect = "is beyond its own moving limit"
    elif rule.threshold is not None:
        side = "above" if rule.side is Side.ABOVE else "below"
        effect = f"is {side} {amount(rule.metric, rule.threshold)}"
    else:
        return f"is {evidence}"
    return f"{effect} and {evidence}" if evidence else effect


def _patience(rule: Rule) -> str:
    return f" for {rule.for_sessions} sessions in a row" if rule.for_sessions > 1 else ""


def _witness(rule: Rule) -> str:
    return f", while {_either(rule.confirmed_by)} fires too" if rule.confirmed_by else ""


def _end(rule: Rule) -> str:
    if rule.clear is None:
        end = "it is over when that no longer holds"
    else:
        way = "down to" if rule.side is Side.ABOVE else "up to"
        end = f"it is over when it is back {way} {amount(rule.metric, rule.clear)}"
    least = f", after {rule.dwell_sessions} sessions at the least" if rule.dwell_sessions else ""
    return end + least


def _reaction(rule: Rule) -> str:
    together = f" together with the group {rule.group}" if rule.group else ""
    done = f" and {_DONE[rule.action]}" if _DONE[rule.action] else ""
    return f"it {_TOLD[rule.severity]}{together}{done}"


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _sessions(n: int) -> str:
    return "1 session" if n == 1 else f"{n} sessions"
