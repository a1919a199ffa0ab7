from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from alerts.alert import Alert, AlertState, AlertTransition
from alerts.compose import PERCENT_METRICS, compose, compose_gate
from alerts.message import Event, Message, Severity
from alerts.rule import Action, Rule, Side
from monitors.reading import Evidence, Reading, State

DAY = date(2024, 3, 15)
BEGAN = date(2024, 3, 13)
DONE = "Trading stays ACTIVE (epoch 7)."


def rule(name: str = "rule", **changes: object) -> Rule:
    usual: dict[str, Any] = {
        "name": name,
        "metric": "psi",
        "summary": f"About {name}",
        "threshold": 0.2,
    }
    return Rule(**(usual | changes))


def move(
    name: str = "rule",
    value: float = 0.3,
    *,
    subject: str = "rsi_14",
    state: AlertState = AlertState.FIRING,
    metric: str = "psi",
    evidence: Evidence | None = None,
    threshold: float | None = None,
) -> AlertTransition:
    found = Reading(DAY, "drift", metric, subject, value, 2_400, threshold, State.BREACH, evidence)
    return AlertTransition(Alert(name, subject, state, DAY, BEGAN, 0, 1, value), AlertState.PENDING, found)


def told(moves: tuple[AlertTransition, ...], *rules: Rule) -> tuple[Message, ...]:
    return compose({one.name: one for one in rules or (rule(),)}, moves, DAY, DONE)


def one(moves: tuple[AlertTransition, ...], *rules: Rule) -> Message:
    (message,) = told(moves, *rules)
    return message


def test_a_message_says_what_where_when_and_what_was_done() -> None:
    message = one((move(),), rule(severity=Severity.CRITICAL, runbook="Look at it."))
    assert message == Message(
        key="rule/2024-03-15/firing",
        group="rule",
        event=Event.FIRING,
        severity=Severity.CRITICAL,
        title="About rule",
        session="2024-03-15",
        findings=message.findings,
        done=DONE,
        runbook="Look at it.",
    )
    (finding,) = message.findings
    assert (finding.subject, finding.value, finding.limit) == ("rsi_14", "0.3", "> 0.2")
    assert (finding.samples, finding.chance, finding.since) == (2_400, "", "2024-03-13")


def test_sixty_subjects_of_one_rule_are_one_message() -> None:
    message = one(tuple(move(subject=f"feature_{i}") for i in range(60)))
    assert len(message.findings) == 60


def test_firing_and_resolved_are_told_apart_with_keys_of_their_own() -> None:
    messages = told((move(subject="a"), move(subject="b", state=AlertState.RESOLVED)))
    assert {(m.event, m.key) for m in messages} == {
        (Event.FIRING, "rule/2024-03-15/firing"),
        (Event.RESOLVED, "rule/2024-03-15/resolved"),
    }
    assert [len(m.findings) for m in messages] == [1, 1]


@pytest.mark.parametrize("state", [AlertState.PENDING, AlertState.INACTIVE])
def test_what_only_begins_or_gives_up_is_not_told(state: AlertState) -> None:
    assert told((move(state=state),)) == ()


def test_nothing_moved_is_nothing_told() -> None:
    assert told(()) == ()


def test_the_most_urgent_come_first_and_then_the_groups_by_name() -> None:
    rules = (
        rule("calm", severity=Severity.INFO),
        rule("z_fire", severity=Severity.CRITICAL),
        rule("a_fire", severity=Severity.CRITICAL),
        rule("smoke", severity=Severity.WARNING),
    )
    moves = tuple(move(one.name) for one in rules)
    assert [message.group for message in told(moves, *rules)] == ["a_fire", "z_fire", "smoke", "calm"]
    assert told(moves[::-1], *rules) == told(moves, *rules)


def test_the_worst_finding_comes_first_and_equals_by_name() -> None:
    moves = (move(subject="b", value=0.4), move(subject="c", value=0.9), move(subject="a", value=0.4))
    assert [finding.subject for finding in one(moves).findings] == ["c", "a", "b"]


@pytest.mark.parametrize("metric", sorted(PERCENT_METRICS))
def test_fractions_are_told_in_per_cent(metric: str) -> None:
    message = one((move(metric=metric, value=0.1234),), rule(metric=metric, threshold=0.1, side=Side.ABOVE))
    (finding,) = message.findings
    assert (finding.value, finding.limit) == ("12.3%", "> 10.0%")


@pytest.mark.parametrize(("value", "text"), [(0.31234, "0.312"), (12.0, "12"), (-0.05, "-0.05"), (0.0, "0")])
def test_other_numbers_are_told_with_three_digits(value: float, text: str) -> None:
    assert one((move(value=value),)).findings[0].value == text


@pytest.mark.parametrize(
    ("changes", "threshold", "limit"),
    [
        ({}, None, "> 0.2"),
        ({"side": Side.BELOW}, None, "< 0.2"),
        ({"max_p_value": 0.01}, 0.7, "> 0.2, p <= 0.01"),
        ({"min_e_value": 1200.0}, None, "> 0.2, e >= 1200"),
        ({"threshold": None, "max_p_value": 0.001}, 0.7, "p <= 0.001"),
        ({"threshold": None, "own_limit": True, "side": Side.BELOW}, 0.47, "< 0.47"),
        ({"threshold": None, "own_limit": True}, None, ""),
        ({"threshold": None, "own_limit": True, "max_p_value": 0.01}, 0.5, "> 0.5, p <= 0.01"),
    ],
)
def test_the_limit_names_effect_and_evidence(
    changes: dict[str, Any], threshold: float | None, limit: str
) -> None:
    assert one((move(threshold=threshold),), rule(**changes)).findings[0].limit == limit


@pytest.mark.parametrize(
    ("evidence", "chance"),
    [
        (None, ""),
        (Evidence("own_windows", p_value=0.0041), "p = 0.0041, own windows"),
        (Evidence("exact_binomial", p_value=0.5), "p = 0.5, exact binomial"),
        (Evidence("e_detector", e_value=812.4), "e = 812, e detector"),
    ],
)
def test_how_likely_it_is_by_chance_is_told_with_the_name_of_the_test(
    evidence: Evidence | None, chance: str
) -> None:
    assert one((move(evidence=evidence),)).findings[0].chance == chance


def test_the_runbook_adds_what_chance_alone_does_and_who_may_lift() -> None:
    message = one((move(),), rule(runbook="Look.", false_alarms="fires once in 3 years", action=Action.HALT))
    assert message.runbook.startswith(
        "Look. By chance alone it fires once in 3 years. Only a person lifts this"
    )


@pytest.mark.parametrize(
    ("action", "latched"),
    [
        (Action.NOTIFY, False),
        (Action.REDUCE_ONLY, False),
        (Action.CLOSE_ONLY, True),
        (Action.HALT, True),
    ],
)
def test_what_only_a_person_lifts_says_so(action: Action, latched: bool) -> None:
    assert ("Only a person" in one((move(),), rule(action=action)).runbook) is latched


def test_a_resolved_message_asks_for_nothing() -> None:
    message = one((move(state=AlertState.RESOLVED),), rule(runbook="Look.", action=Action.HALT))
    assert message.runbook == ""
    assert message.done == DONE


def test_a_change_of_the_gate_is_a_message_keyed_by_its_epoch() -> None:
    told_gate = compose_gate(DAY, "Trading is ACTIVE", "It opened.", Severity.INFO, epoch=12)
    assert (told_gate.key, told_gate.group, told_gate.event) == ("gate/12", "gate", Event.GATE)
    assert (told_gate.title, told_gate.done, told_gate.severity) == (
        "Trading is ACTIVE",
        "It opened.",
        Severity.INFO,
    )
    assert (told_gate.session, told_gate.findings, told_gate.runbook) == ("2024-03-15", (), "")
    assert compose_gate(DAY, "Trading is ACTIVE", "It opened.", Severity.INFO, epoch=13).key == "gate/13"
