from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rule import Action, Rule, Side, Verdict, fingerprint
from monitors.reading import Evidence, NoData, Reading, State

DAY = date(2024, 1, 2)
NUMBERS = st.floats(-1e6, 1e6)


def rule(**changes: object) -> Rule:
    usual: dict[str, Any] = {"name": "rule", "metric": "psi", "summary": "It drifts", "threshold": 0.2}
    return Rule(**(usual | changes))


def reading(
    value: float = 0.3,
    *,
    metric: str = "psi",
    subject: str = "rsi_14",
    state: State = State.OK,
    evidence: Evidence | None = None,
) -> Reading:
    if state is State.NO_DATA:
        return Reading(DAY, "drift", metric, subject, math.nan, 0, 0.2, state, reason=NoData.TOO_FEW)
    return Reading(DAY, "drift", metric, subject, value, 100, 0.2, state, evidence)


def likely(p: float) -> Evidence:
    return Evidence("own_windows", p_value=p)


def betting(e: float) -> Evidence:
    return Evidence("e_detector", e_value=e)


@pytest.mark.parametrize(
    ("side", "value", "verdict"),
    [
        (Side.ABOVE, 0.21, Verdict.HOLDS),
        (Side.ABOVE, 0.20, Verdict.CLEAR),
        (Side.ABOVE, -9.0, Verdict.CLEAR),
        (Side.BELOW, 0.19, Verdict.HOLDS),
        (Side.BELOW, 0.20, Verdict.CLEAR),
        (Side.BELOW, 9.00, Verdict.CLEAR),
    ],
)
def test_a_threshold_is_broken_beyond_it_and_not_at_it(side: Side, value: float, verdict: Verdict) -> None:
    assert rule(side=side).test(reading(value)) is verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.21, Verdict.HOLDS),
        (0.20, Verdict.BETWEEN),
        (0.15, Verdict.BETWEEN),
        (0.10, Verdict.CLEAR),
        (0.05, Verdict.CLEAR),
    ],
)
def test_between_the_threshold_and_where_it_clears_nothing_is_decided(value: float, verdict: Verdict) -> None:
    assert rule(clear=0.1).test(reading(value)) is verdict
    mirrored = rule(side=Side.BELOW, threshold=-0.2, clear=-0.1)
    assert mirrored.test(reading(-value)) is verdict


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(Side))
def test_a_rule_decides_as_arithmetic_does(value: float, one: float, other: float, side: Side) -> None:
    above = side is Side.ABOVE
    threshold, clear = (max(one, other), min(one, other)) if above else (min(one, other), max(one, other))
    verdict = rule(side=side, threshold=threshold, clear=clear).test(reading(value))
    if value > threshold if above else value < threshold:
        assert verdict is Verdict.HOLDS
    elif value > clear if above else value < clear:
        assert verdict is Verdict.BETWEEN
    else:
        assert verdict is Verdict.CLEAR


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (likely(0.01), Verdict.HOLDS),
        (likely(0.0101), Verdict.CLEAR),
        (betting(1e9), Verdict.CLEAR),
        (None, Verdict.CLEAR),
    ],
    ids=["at-the-limit", "too-likely", "of-another-kind", "none"],
)
def test_a_rule_that_asks_for_a_p_value_is_not_content_without(
    evidence: Evidence | None, verdict: Verdict
) -> None:
    assert rule(max_p_value=0.01).test(reading(evidence=evidence)) is verdict


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (betting(100.0), Verdict.HOLDS),
        (betting(99.9), Verdict.CLEAR),
        (likely(1e-9), Verdict.CLEAR),
        (None, Verdict.CLEAR),
    ],
    ids=["at-the-limit", "too-small", "of-another-kind", "none"],
)
def test_a_rule_that_asks_for_an_e_value_is_not_content_without(
    evidence: Evidence | None, verdict: Verdict
) -> None:
    assert rule(min_e_value=100.0).test(reading(evidence=evidence)) is verdict


def test_evidence_without_effect_is_not_enough_and_effect_without_evidence_neither() -> None:
    both = rule(max_p_value=0.01)
    assert both.test(reading(0.1, evidence=likely(1e-6))) is Verdict.CLEAR
    assert both.test(reading(0.9, evidence=likely(0.5))) is Verdict.CLEAR
    assert both.test(reading(0.9, evidence=likely(1e-6))) is Verdict.HOLDS


def test_an_effect_whose_evidence_lapsed_is_not_over_before_it_clears() -> None:
    damped = rule(clear=0.1, max_p_value=0.01)
    assert damped.test(reading(0.9, evidence=likely(0.5))) is Verdict.BETWEEN


def test_a_rule_may_ask_for_evidence_alone() -> None:
    alone = rule(threshold=None, max_p_value=0.01)
    assert alone.test(reading(0.0, evidence=likely(0.001))) is Verdict.HOLDS
    assert alone.test(reading(9.9, evidence=likely(0.5))) is Verdict.CLEAR


def test_a_rule_without_demand_for_evidence_does_not_look_at_it() -> None:
    assert rule().test(reading(evidence=likely(0.9))) is Verdict.HOLDS


@pytest.mark.parametrize(
    ("state", "verdict"),
    [(State.BREACH, Verdict.HOLDS), (State.WARN, Verdict.CLEAR), (State.OK, Verdict.CLEAR)],
)
def test_an_own_limit_is_the_readings_verdict_whatever_its_value(state: State, verdict: Verdict) -> None:
    own = rule(threshold=None, own_limit=True)
    assert own.test(reading(-1e9, state=state)) is verdict
    assert own.test(reading(1e9, state=state)) is verdict


def test_an_own_limit_may_ask_for_evidence_too() -> None:
    own = rule(threshold=None, own_limit=True, max_p_value=0.01)
    assert own.test(reading(state=State.BREACH, evidence=likely(0.5))) is Verdict.CLEAR
    assert own.test(reading(state=State.BREACH, evidence=likely(0.01))) is Verdict.HOLDS


@pytest.mark.parametrize(
    ("value", "state", "verdict"),
    [
        (150.0, State.BREACH, Verdict.HOLDS),
        (90.0, State.OK, Verdict.BETWEEN),
        (20.0, State.OK, Verdict.CLEAR),
        (1.0, State.OK, Verdict.CLEAR),
    ],
)
def test_an_own_limit_may_say_where_it_clears(value: float, state: State, verdict: Verdict) -> None:
    own = rule(threshold=None, own_limit=True, clear=20.0)
    assert own.test(reading(value, state=state)) is verdict


@pytest.mark.parametrize(
    "asking",
    [
        rule(),
        rule(clear=0.1),
        rule(side=Side.BELOW),
        rule(threshold=None, own_limit=True),
        rule(threshold=None, max_p_value=1.0),
    ],
)
def test_what_cannot_be_judged_is_never_clear_and_never_holds(asking: Rule) -> None:
    assert asking.test(reading(state=State.NO_DATA)) is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("metric", "subject", "glob", "covered"),
    [
        ("psi", "rsi_14", "*", True),
        ("psi", "rsi_14", "rsi_14", True),
        ("psi", "momentum_63", "momentum_*", True),
        ("psi", "rsi_14", "momentum_*", False),
        ("psi", "RSI_14", "rsi_14", False),
        ("ks", "rsi_14", "*", False),
    ],
)
def test_a_rule_covers_its_metric_and_the_subjects_that_match(
    metric: str, subject: str, glob: str, covered: bool
) -> None:
    assert rule(subject=glob).covers(reading(metric=metric, subject=subject)) is covered


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"threshold": None}, "'rule' has no condition; give a threshold, evidence or own_limit = true"),
        ({"own_limit": True}, "'rule' has a threshold and own_limit; give one of them"),
        ({"own_limit": True, "max_p_value": 0.01}, "has a threshold and own_limit"),
        ({"for_sessions": 0}, "for_sessions is 0, the least is 1"),
        ({"clear": 0.3}, r"rules.rule.clear = 0.3 must lie at or below threshold = 0.2 \(side = above\)"),
        (
            {"clear": 0.1, "side": Side.BELOW},
            r"rules.rule.clear = 0.1 must lie at or above threshold = 0.2 \(side = below\)",
        ),
        (
            {"clear": 0.1, "threshold": None, "max_p_value": 0.1},
            "clear = 0.1 needs a threshold to clear from",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        rule(**changes)


def test_clearing_at_the_threshold_itself_is_no_hysteresis_and_allowed() -> None:
    assert rule(clear=0.2).test(reading(0.2)) is Verdict.CLEAR


def test_a_rule_only_notifies_unless_it_says_more() -> None:
    assert rule().action is Action.NOTIFY


def test_a_fingerprint_is_the_rule_and_the_subject() -> None:
    assert fingerprint("psi_above_0.2", "rsi_14") == "psi_above_0.2/rsi_14"
