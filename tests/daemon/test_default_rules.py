from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from alerts.message import Severity
from alerts.rule import Action, Rule
from daemon.configuration.config import load_settings
from daemon.configuration.default_rules import DEFAULT_RULES
from monitors.drift import prepare_reference
from monitors.joint import prepare_joint
from monitors.live import Call, Live, Outcome
from monitors.reading import Reading, State
from monitors.watch import Facts, WatchState, watch

FIRST = date(2023, 1, 2)
FEATURES = ("one", "two", "three")


LIVE = Live(
    now_s=90.0,
    providers=("yahoo",),
    calls=(Call("yahoo", FIRST, 60.0, 1.0, Outcome.OK),),
    channels=(),
    sent=(),
    sessions=20,
    stumbled=0,
    due_s=60.0,
    forecast_s=90.0,
)


def facts_of(session: int) -> Facts:
    rng = np.random.default_rng(session)
    stated = np.clip(rng.normal(0.5, 0.05, 40), 0.0, 1.0)
    return Facts(
        session=FIRST + timedelta(days=session),
        features=None,
        reference=None,
        trade_returns=np.where(rng.random(4) < 0.55, 0.02, -0.02),
        probabilities=stated,
        outcomes=(rng.random(40) < stated).astype(float),
        equity=99.0,
        peak=100.0,
        equity_return=float(rng.normal(0.0005, 0.01)),
        orders=4,
        failed_orders=0,
        bars_expected=40,
        bars_missing=0,
        live=LIVE,
    )


@pytest.fixture(scope="module")
def readings() -> dict[str, list[Reading]]:
    """What the monitors read once they know enough, by metric."""
    rng = np.random.default_rng(1)
    history = rng.standard_normal((300, 40, 3))
    reference = prepare_reference(history, FEATURES, window=20)
    state = WatchState.start()
    for session in range(260):
        state, _ = watch(state, facts_of(session))
    facts = facts_of(260)
    joint = prepare_joint(history, FEATURES, window=20)
    window = rng.standard_normal((20, 40, 3))
    _, found = watch(state, replace(facts, features=window, reference=reference, joint=joint))
    by_metric: dict[str, list[Reading]] = {}
    for reading in found:
        by_metric.setdefault(reading.metric, []).append(reading)
    return by_metric


def rules() -> dict[str, Rule]:
    return {rule.name: rule for rule in load_settings(None).rule_set()}


@pytest.mark.parametrize("name", sorted(DEFAULT_RULES))
def test_every_rule_reads_something_that_the_monitors_measure(
    name: str, readings: dict[str, list[Reading]]
) -> None:
    rule = rules()[name]
    found = [reading for reading in readings.get(rule.metric, []) if rule.covers(reading)]
    assert found
    assert all(reading.state is not State.NO_DATA for reading in found)


@pytest.mark.parametrize("name", sorted(DEFAULT_RULES))
def test_every_rule_says_how_often_it_fires_by_chance(name: str) -> None:
    said = rules()[name].false_alarms
    assert "year" in said or "never fires: it states a fact" in said
    assert said.split()[0] in {"fires", "did", "never"}, f"'By chance alone it {said}.' is no sentence"


@pytest.mark.parametrize("name", sorted(DEFAULT_RULES))
def test_every_rule_asks_for_a_kind_of_evidence_that_its_readings_bring(
    name: str, readings: dict[str, list[Reading]]
) -> None:
    rule = rules()[name]
    for reading in readings[rule.metric]:
        if rule.max_p_value is not None:
            assert reading.evidence is not None
            assert reading.evidence.p_value is not None
        if rule.min_e_value is not None:
            assert reading.evidence is not None
            assert reading.evidence.e_value is not None


@pytest.mark.parametrize("name", sorted(DEFAULT_RULES))
def test_every_rule_that_takes_the_readings_own_limit_finds_one(
    name: str, readings: dict[str, list[Reading]]
) -> None:
    rule = rules()[name]
    if rule.own_limit:
        assert all(reading.threshold is not None for reading in readings[rule.metric])


def test_the_classic_limits_are_the_ones_everybody_names_and_only_inform() -> None:
    found = rules()
    classic = ["psi_above_0.2", "win_rate_drop_10pt_last_20", "sharpe_drop_0.1", "calibration_gap_10pt"]
    assert all(found[name].severity is Severity.INFO for name in classic)
    assert all(found[name].action is Action.NOTIFY for name in classic)
    assert (found["psi_above_0.2"].threshold, found["calibration_gap_10pt"].threshold) == (0.2, 0.1)


def test_whatever_touches_trading_is_critical_and_tells_what_to_do() -> None:
    acting = [rule for rule in rules().values() if rule.action is not Action.NOTIFY]
    assert {rule.name: rule.action for rule in acting} == {
        "market_break": Action.REDUCE_ONLY,
        "drawdown_10pct": Action.CLOSE_ONLY,
        "drawdown_15pct": Action.HALT,
    }
    assert all(rule.severity is Severity.CRITICAL for rule in acting)
    assert all(rule.runbook for rule in acting)


def test_drift_pauses_trading_only_with_evidence_and_a_witness() -> None:
    rule = rules()["market_break"]
    assert rule.max_p_value is not None
    assert rule.confirmed_by
    assert set(rule.confirmed_by) <= set(DEFAULT_RULES)
    assert rule.for_sessions > 1


def test_the_deeper_the_drawdown_the_stricter_the_action() -> None:
    found = [rule for rule in rules().values() if rule.metric == "drawdown"]
    found.sort(key=lambda rule: rule.threshold or 0.0)
    strictness = list(Action)
    actions = [strictness.index(rule.action) for rule in found]
    assert actions == sorted(set(actions))


def test_every_warning_says_what_it_is_about_in_one_line() -> None:
    for rule in rules().values():
        assert rule.summary
        assert "\n" not in rule.summary
        assert rule.summary[0].isupper()
        assert not rule.summary.endswith(".")
