from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from alerts.alert import Alert, AlertState
from alerts.compose import FINDINGS, PERCENT_METRICS, amount, compose, compose_gate
from alerts.message import Curve, Event, Finding, Message, Severity, Trading
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.rule import Action, Rule, Side
from alerts.rulebook import Rulebook
from monitors.reading import Evidence, Reading, State
from tests.alerts.cases import rule

DAY = date(2024, 3, 15)
BEGAN = date(2024, 3, 13)
NOW = datetime(2024, 3, 15, 21, 30, tzinfo=UTC)
DONE = "Trading stays ACTIVE (epoch 7)."


def alert(
    name: str = "rule",
    value: float = 0.3,
    *,
    subject: str = "rsi_14",
    state: AlertState = AlertState.FIRING,
    evidence: Evidence | None = None,
    threshold: float | None = None,
) -> Alert:
    return Alert(name, subject, state, DAY, BEGAN, 0, 1, value, 2_400, threshold, evidence)


def told(alerts: tuple[Alert, ...], *rules: Rule, event: Event = Event.FIRING, **more: Any) -> Message:  # noqa: ANN401 - keywords of compose
    over = alerts if event is Event.RESOLVED else ()
    notice = Notice(
        "rule", "2024-03-13", event, Reason.FIRST, Severity.CRITICAL, () if over else alerts, over, ("slack",)
    )
    return compose(notice, Rulebook(rules or (rule(),)), DAY, NOW, done=DONE, **more)


def one(*alerts: Alert, rules: tuple[Rule, ...] = ()) -> Finding:
    return told(alerts or (alert(),), *rules).findings[0]


def test_a_message_says_what_where_when_and_what_was_done() -> None:
    curve = Curve("psi, rsi_14", ("2024-03-14",), (0.3,), 0.2)
    trading = Trading("ACTIVE", 7, latched=False)
    message = told((alert(),), rule(runbook="Look at it."), trading=trading, curve=curve)
    assert message == Message(
        key="rule/2024-03-13",
        group="rule",
        event=Event.FIRING,
        severity=Severity.CRITICAL,
        title="About rule",
        session="2024-03-15",
        findings=(Finding("rsi_14", "0.3", "> 0.2", 2_400, "", "2024-03-13"),),
        done=DONE,
        runbook="Look at it.",
        episode="2024-03-13",
        reason="first",
        at="2024-03-15T21:30:00+00:00",
        trading=trading,
        curve=curve,
    )


def test_a_message_lists_the_worst_and_counts_the_others() -> None:
    message = told(tuple(alert(subject=f"f{i}", value=i) for i in range(60)))
    assert [finding.subject for finding in message.findings] == [f"f{i}" for i in range(59, 47, -1)]
    assert (len(message.findings), message.others) == (FINDINGS, 48)


def test_the_worst_finding_comes_first_and_equals_by_name() -> None:
    found = (alert(subject="b", value=0.4), alert(subject="c", value=0.9), alert(subject="a", value=0.4))
    assert [finding.subject for finding in told(found).findings] == ["c", "a", "b"]
    below = rule(side=Side.BELOW, clear=0.3)
    assert [finding.subject for finding in told(found, below).findings] == ["a", "b", "c"]


def test_the_most_urgent_rule_of_a_group_leads_and_gives_the_title() -> None:
    rules = (rule("calm", severity=Severity.INFO), rule("hot", severity=Severity.CRITICAL))
    message = told((alert("calm", 9.0), alert("hot", 0.3, subject="x")), *rules)
    assert message.title == "About hot (and 1 more of rule)"
    assert [finding.subject for finding in message.findings] == ["x", "rsi_14"]


def test_what_has_no_data_comes_last_with_its_last_known_value() -> None:
    blind = alert(subject="blind", value=0.0, state=AlertState.NO_DATA)
    last = Reading(date(2024, 3, 1), "drift", "psi", "blind", 0.17, 300, 0.2, State.OK)
    message = told((blind, alert()), last_known={blind.fingerprint: last})
    assert [(one.subject, one.value, one.samples) for one in message.findings] == [
        ("rsi_14", "0.3", 2_400),
        ("blind", "0.17", 300),
    ]


def test_an_alert_whose_rule_is_gone_is_told_without_its_limit() -> None:
    message = told((alert("gone"),), event=Event.RESOLVED)
    assert message.title == "Rule gone is no longer in force"
    assert message.findings[0] == Finding("rsi_14", "0.3", "", 2_400, "", "2024-03-13")


@pytest.mark.parametrize("metric", sorted(PERCENT_METRICS))
def test_fractions_are_told_in_per_cent(metric: str) -> None:
    finding = one(alert(value=0.1234), rules=(rule(metric=metric, threshold=0.1, clear=None),))
    assert (finding.value, finding.limit) == ("12.3%", "> 10.0%")


@pytest.mark.parametrize(("value", "text"), [(0.31234, "0.312"), (12.0, "12"), (-0.05, "-0.05"), (0.0, "0")])
def test_other_numbers_are_told_with_three_digits(value: float, text: str) -> None:
    assert one(alert(value=value)).value == text


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
    found = alert(threshold=threshold)
    assert one(found, rules=(rule(**({"clear": None} | changes)),)).limit == limit


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
    assert one(alert(evidence=evidence)).chance == chance


def test_how_often_a_rule_fires_by_chance_is_said_once_and_who_may_lift_as_well() -> None:
    noisy = rule(runbook="Look.", false_alarms="fires once in 3 years", action=Action.HALT)
    tested = told((alert(evidence=Evidence("own_windows", p_value=0.004)),), noisy)
    assert tested.runbook.startswith(
        "Look. By chance alone it fires once in 3 years. Only a person lifts this"
    )
    untested = told((alert(),), noisy)
    assert untested.findings[0].false_alarms == "fires once in 3 years"
    assert untested.runbook.startswith("Look. Only a person lifts this")


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
    assert ("Only a person" in told((alert(),), rule(action=action)).runbook) is latched


def test_a_resolved_message_asks_for_nothing() -> None:
    over = alert(state=AlertState.RESOLVED)
    message = told((over,), rule(runbook="Look.", action=Action.HALT), event=Event.RESOLVED)
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


def test_a_change_of_the_gate_says_when_and_how_trading_stands() -> None:
    trading = Trading("ACTIVE", 12, latched=False)
    message = compose_gate(
        DAY, "Trading is ACTIVE", "It opened.", Severity.INFO, epoch=12, at=NOW, trading=trading
    )
    assert (message.at, message.trading, message.episode) == (NOW.isoformat(), trading, "epoch 12")
    assert message.reason == "gate"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_ends_a_sentence(reason: Reason) -> None:
    assert reason.words
    assert not reason.words.endswith(".")
    assert reason.words[0].islower()


def test_what_is_told_and_what_is_not_are_told_apart() -> None:
    assert {reason for reason in Reason if not reason.told} == {
        Reason.SILENCED,
        Reason.MAINTENANCE,
        Reason.INHIBITED,
        Reason.ACKNOWLEDGED,
        Reason.FLAPPING,
        Reason.BELOW_SEVERITY,
        Reason.UNROUTED,
        Reason.DIGESTED,
        Reason.UNCHANGED,
    }


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [("vendor_rate", 1e308, "1e+308"), ("provider_stale_s", 2e6, "2e+06 s"), ("vendor_rate", -0.5, "-50.0%")],
)
def test_a_value_beyond_all_measure_is_told_as_it_is(metric: str, value: float, words: str) -> None:
    assert amount(metric, value) == words
