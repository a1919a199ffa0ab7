from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, AlertState, AlertTransition, firing
from alerts.evaluation import advance, evaluate, retire
from alerts.rule import Action, Rule, Side, Verdict
from alerts.rulebook import Rulebook, in_order
from monitors.reading import NoData, Reading, State
from tests.alerts.cases import BAD, BETWEEN, DAY, GOOD, UNKNOWN, day, reading, rule

INACTIVE, PENDING, FIRING, RESOLVED, NO_DATA = AlertState
LEGAL = {
    (INACTIVE, PENDING),
    (INACTIVE, FIRING),  # where one session is enough
    (PENDING, FIRING),
    (PENDING, INACTIVE),
    (FIRING, RESOLVED),
    (RESOLVED, PENDING),
    (RESOLVED, FIRING),
}


def follow(
    values: list[float], *rules: Rule, alerts: dict[str, Alert] | None = None
) -> tuple[list[Alert], list[AlertTransition]]:
    """Feed one value a session; return the alert after each, and every transition."""
    state, path, moves = alerts or {}, list[Alert](), list[AlertTransition]()
    for number, value in enumerate(values):
        state, moved = evaluate(Rulebook(rules), state, [reading(value, day(number))], day(number))
        path.append(state.get("rule/rsi_14", Alert("rule", "rsi_14", INACTIVE, DAY, DAY, 0, 0, value)))
        moves += moved
    return path, moves


def states(values: list[float], *rules: Rule) -> list[AlertState]:
    return [alert.state for alert in follow(values, *rules)[0]]


def test_a_condition_must_hold_for_its_sessions_in_a_row() -> None:
    three = rule(for_sessions=3)
    assert states([BAD] * 4, three) == [PENDING, PENDING, FIRING, FIRING]
    assert states([BAD, BAD, GOOD, BAD, BAD, BAD], three) == [
        PENDING,
        PENDING,
        INACTIVE,
        PENDING,
        PENDING,
        FIRING,
    ]


@pytest.mark.parametrize("pause", [GOOD, BETWEEN])
def test_anything_less_than_holding_starts_the_count_anew(pause: float) -> None:
    assert states([BAD, pause, BAD], rule(for_sessions=2)) == [PENDING, INACTIVE, PENDING]


def test_one_session_is_enough_where_a_rule_says_so() -> None:
    path, moves = follow([BAD], rule())
    assert path[0].state is FIRING
    assert [(move.before, move.alert.state) for move in moves] == [(INACTIVE, FIRING)]


def test_a_firing_alert_resolves_only_where_it_clears() -> None:
    assert states([BAD, BETWEEN, BETWEEN, GOOD, GOOD], rule()) == [
        FIRING,
        FIRING,
        FIRING,
        RESOLVED,
        RESOLVED,
    ]


def test_without_hysteresis_it_resolves_at_the_threshold() -> None:
    assert states([BAD, BETWEEN], rule(clear=None)) == [FIRING, RESOLVED]


@pytest.mark.parametrize("dwell", [0, 1, 2, 5])
def test_a_firing_alert_stays_for_its_dwell_at_the_least(dwell: int) -> None:
    got = states([BAD] + [GOOD] * 8, rule(dwell_sessions=dwell))
    fired = max(dwell, 1)
    assert got == [FIRING] * fired + [RESOLVED] * (9 - fired)


def test_a_resolved_alert_comes_back_through_pending_with_a_new_beginning() -> None:
    path, moves = follow([BAD, BAD, GOOD, BAD, BAD], rule(for_sessions=2))
    assert [alert.state for alert in path] == [PENDING, FIRING, RESOLVED, PENDING, FIRING]
    assert [alert.began for alert in path] == [day(0), day(0), day(0), day(3), day(3)]
    assert [alert.since for alert in path] == [day(0), day(1), day(2), day(3), day(4)]
    assert [move.before for move in moves] == [INACTIVE, PENDING, FIRING, RESOLVED, PENDING]


def test_a_pending_alert_that_gives_up_after_a_resolution_is_inactive() -> None:
    path, _ = follow([BAD, BAD, GOOD, BAD, GOOD], rule(for_sessions=2))
    assert [alert.state for alert in path] == [PENDING, FIRING, RESOLVED, PENDING, INACTIVE]


def test_a_reading_without_data_moves_nothing_and_keeps_the_last_known_value() -> None:
    path, moves = follow([UNKNOWN, BAD, UNKNOWN, UNKNOWN, BAD, UNKNOWN, GOOD], rule(for_sessions=2))
    assert [alert.state for alert in path] == [
        INACTIVE,
        PENDING,
        PENDING,
        PENDING,
        FIRING,
        FIRING,
        RESOLVED,
    ]
    assert [alert.value for alert in path[1:]] == [BAD, BAD, BAD, BAD, BAD, GOOD]
    assert len(moves) == 3


def test_a_missing_reading_counts_as_one_without_data() -> None:
    book = Rulebook([rule()])
    alerts, _ = evaluate(book, {}, [reading(BAD, DAY)], DAY)
    missing = evaluate(book, alerts, [], day(1))
    assert missing == evaluate(book, alerts, [reading(UNKNOWN, day(1))], day(1))
    assert missing[0]["rule/rsi_14"].state is FIRING
    assert missing[1] == ()


def test_what_was_never_bad_is_not_remembered() -> None:
    assert evaluate(
        Rulebook([rule()]), {}, [reading(GOOD, DAY), reading(UNKNOWN, DAY, subject="beta_63")], DAY
    ) == (
        {},
        (),
    )


def test_each_subject_has_an_alert_of_its_own() -> None:
    found = [reading(BAD, DAY, subject="a"), reading(GOOD, DAY, subject="b"), reading(BAD, DAY, subject="c")]
    alerts, moved = evaluate(Rulebook([rule()]), {}, found, DAY)
    assert sorted(alerts) == ["rule/a", "rule/c"]
    assert [move.alert.subject for move in moved] == ["a", "c"]
    assert [alert.fingerprint for alert in firing(alerts)] == ["rule/a", "rule/c"]


def test_only_what_a_rule_covers_counts() -> None:
    found = [reading(BAD, DAY, subject="rsi_14"), reading(BAD, DAY, subject="beta_63", metric="ks")]
    assert evaluate(Rulebook([rule(subject="beta_*")]), {}, found, DAY) == ({}, ())


def test_an_alert_whose_rule_is_gone_is_kept_untouched() -> None:
    alerts, _ = evaluate(Rulebook([rule("old")]), {}, [reading(BAD, DAY)], DAY)
    after, moved = evaluate(Rulebook([rule("new", threshold=5.0)]), alerts, [reading(GOOD, day(1))], day(1))
    assert (after, moved) == (alerts, ())


def test_a_changed_rule_goes_on_with_the_alert_it_finds() -> None:
    path, _ = follow([BAD, BAD], rule(for_sessions=5))
    alerts = {path[-1].fingerprint: path[-1]}
    after, moved = evaluate(Rulebook([rule(for_sessions=3)]), alerts, [reading(BAD, day(2))], day(2))
    assert after["rule/rsi_14"].state is FIRING
    assert after["rule/rsi_14"].began == day(0)
    assert len(moved) == 1


class TestConfirmation:
    CONFIRMED = rule("a_sorts_first", confirmed_by=("witness", "other"), for_sessions=2)
    WITNESS = rule("witness", metric="drawdown", threshold=0.05, clear=None)
    OTHER = rule("other", metric="win_rate", threshold=0.5, clear=None)
    RULES = (CONFIRMED, WITNESS, OTHER)

    def run(self, *sessions: dict[str, float]) -> list[AlertState]:
        alerts, seen = dict[str, Alert](), list[AlertState]()
        for number, values in enumerate(sessions):
            found = [
                reading(value, day(number), metric=metric, subject="x") for metric, value in values.items()
            ]
            alerts, _ = evaluate(Rulebook(self.RULES), alerts, found, day(number))
            main = alerts.get("a_sorts_first/x")
            seen.append(main.state if main else INACTIVE)
        return seen

    def test_without_a_witness_it_stays_pending_however_long_it_holds(self) -> None:
        assert self.run(*[{"psi": BAD, "drawdown": 0.0}] * 9) == [PENDING] * 9

    def test_a_witness_counts_in_the_session_it_arrives(self) -> None:
        quiet, loud = {"psi": BAD, "drawdown": 0.0}, {"psi": BAD, "drawdown": 0.2}
        assert self.run(quiet, loud) == [PENDING, FIRING]
        assert self.run(quiet, quiet, quiet, loud) == [PENDING, PENDING, PENDING, FIRING]

    def test_one_witness_of_several_is_enough(self) -> None:
        assert self.run({"psi": BAD}, {"psi": BAD, "win_rate": 0.9}) == [PENDING, FIRING]

    def test_a_witness_that_has_resolved_does_not_count(self) -> None:
        assert self.run({"psi": BAD, "drawdown": 0.2}, {"psi": BAD, "drawdown": 0.0}) == [PENDING, PENDING]

    def test_a_witness_alone_does_not_fire_it(self) -> None:
        assert self.run(*[{"psi": GOOD, "drawdown": 0.2}] * 3) == [INACTIVE] * 3

    def test_once_firing_it_needs_its_witness_no_more(self) -> None:
        loud, quiet = {"psi": BAD, "drawdown": 0.2}, {"psi": BAD, "drawdown": 0.0}
        assert self.run(loud, loud, quiet, quiet) == [PENDING, FIRING, FIRING, FIRING]

    def test_the_order_of_the_rules_does_not_matter(self) -> None:
        found = [reading(BAD, DAY, subject="x"), reading(0.2, DAY, metric="drawdown", subject="x")]
        assert evaluate(Rulebook(self.RULES), {}, found, DAY) == evaluate(
            Rulebook(self.RULES[::-1]), {}, found, DAY
        )


def test_equal_inputs_give_equal_results_and_leave_the_inputs_as_they_were() -> None:
    alerts, _ = evaluate(Rulebook([rule(for_sessions=2)]), {}, [reading(BAD, DAY)], DAY)
    before = dict(alerts)
    once = evaluate(Rulebook([rule(for_sessions=2)]), alerts, [reading(BAD, day(1))], day(1))
    assert evaluate(Rulebook([rule(for_sessions=2)]), alerts, [reading(BAD, day(1))], day(1)) == once
    assert alerts == before


def test_a_fingerprint_does_not_change_as_the_alert_goes_through_its_life() -> None:
    path, _ = follow([BAD, BAD, GOOD, BAD], rule(for_sessions=2))
    assert {alert.fingerprint for alert in path} == {"rule/rsi_14"}


RULES = st.builds(
    rule,
    for_sessions=st.integers(1, 5),
    dwell_sessions=st.integers(0, 6),
    clear=st.sampled_from([None, 0.1, 0.2]),
)
VALUES = st.sampled_from([BAD, BAD, 0.21, 0.2, BETWEEN, 0.1, GOOD, UNKNOWN])
STORIES = st.lists(st.tuples(VALUES, VALUES, VALUES, st.booleans()), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(RULES, STORIES)
def test_any_story_moves_legally_fires_for_cause_and_dwells(
    watched: Rule, story: list[tuple[float, float, float, bool]]
) -> None:
    alerts = dict[str, Alert]()
    verdicts: dict[str, list[Verdict]] = {subject: [] for subject in "abc"}
    fired_at: dict[str, int] = {}
    for number, (*values, confirmed) in enumerate(story):
        found = [
            reading(value, day(number), subject=subject) for subject, value in zip("abc", values, strict=True)
        ]
        witness = rule("witness", metric="drawdown")
        found.append(reading(BAD if confirmed else GOOD, day(number), metric="drawdown", subject="account"))
        rules = (replace(watched, confirmed_by=("witness",)), witness)
        before = alerts
        alerts, moved = evaluate(Rulebook(rules), before, found, day(number))

        changed = {move.alert.fingerprint for move in moved}
        assert len(changed) == len(moved)
        for name, alert in alerts.items():
            was = before[name].state if name in before else INACTIVE
            assert (alert.state is not was) == (name in changed)
            assert (alert.since == day(number)) == (name in changed)
        for one in found[:3]:
            verdicts[one.subject].append(watched.test(one))
        for move in moved:
            assert (move.before, move.alert.state) in LEGAL
            assert move.reading is not None
            assert move.reading.state is not State.NO_DATA
            assert move.alert.value == move.reading.value
            if move.alert.rule != "rule":
                continue
            subject = move.alert.subject
            known = [verdict for verdict in verdicts[subject] if verdict is not Verdict.NO_DATA]
            if move.alert.state is FIRING:
                assert confirmed
                assert known[-watched.for_sessions :] == [Verdict.HOLDS] * watched.for_sessions
                fired_at[subject] = number
            elif move.alert.state is RESOLVED:
                assert known[-1] is Verdict.CLEAR
                assert number - fired_at[subject] >= max(watched.dwell_sessions, 1)
        for subject in "abc":
            if verdicts[subject][-1] is Verdict.NO_DATA and (old := before.get(f"rule/{subject}")):
                now = alerts[f"rule/{subject}"]
                assert now.blind == old.blind + 1
                if not old.flapping:  # which wears off with time
                    same = replace(now, fired_for=old.fired_for, blind=old.blind, flips=old.flips)
                    assert replace(same, counted=old.counted) == old
        for alert in alerts.values():
            assert (alert.held > 0) == (alert.state is PENDING)
            assert (alert.fired_for > 0) == (alert.state is FIRING)
            assert alert.began <= alert.since


@settings(max_examples=100, deadline=None)
@given(RULES, st.lists(VALUES, max_size=40))
def test_a_held_condition_always_fires_in_the_end_and_a_cleared_one_always_resolves(
    watched: Rule, start: list[float]
) -> None:
    path, _ = follow([*start, *[BAD] * watched.for_sessions], watched)
    assert path[-1].state is FIRING
    path, _ = follow([*start, *[BAD] * watched.for_sessions, *[GOOD] * (watched.dwell_sessions + 1)], watched)
    assert path[-1].state is RESOLVED


@settings(max_examples=60, deadline=None)
@given(RULES, STORIES)
def test_subjects_do_not_disturb_each_other(
    watched: Rule, story: list[tuple[float, float, float, bool]]
) -> None:
    together = dict[str, Alert]()
    alone: dict[str, dict[str, Alert]] = {subject: {} for subject in "abc"}
    for number, (*values, _) in enumerate(story):
        found = [
            reading(value, day(number), subject=subject) for subject, value in zip("abc", values, strict=True)
        ]
        together, _ = evaluate(Rulebook([watched]), together, found, day(number))
        for one in found:
            alone[one.subject], _ = evaluate(Rulebook([watched]), alone[one.subject], [one], day(number))
    assert together == alone["a"] | alone["b"] | alone["c"]


def test_advancing_by_hand_counts_the_sessions_held_and_fired() -> None:
    alert = Alert("rule", "rsi_14", INACTIVE, DAY, DAY, 0, 0, GOOD)
    counts = []
    for number, value in enumerate([BAD, BAD, BAD, UNKNOWN, BETWEEN, GOOD]):
        alert = advance(
            alert,
            rule(for_sessions=2, dwell_sessions=2),
            reading(value, day(number)),
            day(number),
            confirmed=True,
        )
        counts.append((alert.state, alert.held, alert.fired_for))
    assert counts == [
        (PENDING, 1, 0),
        (FIRING, 0, 1),
        (FIRING, 0, 2),
        (FIRING, 0, 3),
        (FIRING, 0, 4),
        (RESOLVED, 0, 0),
    ]


def test_what_has_no_data_this_session_confirms_nothing() -> None:
    witness = Rule(name="witness", metric="drawdown", summary="w", threshold=0.05)
    rule = Rule(name="rule", metric="psi", summary="r", threshold=0.2, confirmed_by=("witness",))
    day, blind = date(2024, 1, 2), NoData.STALE
    seen = Reading(day, "performance", "drawdown", "account", 0.06, 20, None, State.BREACH)
    unseen = Reading(
        day, "performance", "drawdown", "account", math.nan, 0, None, State.NO_DATA, reason=blind
    )
    drift = Reading(day, "drift", "psi", "momentum_21", 0.3, 20, 0.2, State.BREACH)
    firing_witness, _ = evaluate(Rulebook((witness, rule)), {}, (seen,), day)
    assert firing_witness["witness/account"].state is AlertState.FIRING
    after, _ = evaluate(Rulebook((witness, rule)), firing_witness, (unseen, drift), day)
    assert after["witness/account"].state is AlertState.FIRING
    assert after["rule/momentum_21"].state is AlertState.PENDING


def test_a_chain_of_confirmations_counts_within_one_session() -> None:
    day = date(2024, 1, 2)
    rules = tuple(
        Rule(name=name, metric="drawdown", summary=name, threshold=0.05, confirmed_by=by)
        for name, by in (("a", ("b",)), ("b", ("c",)), ("c", ()))
    )
    reading = Reading(day, "performance", "drawdown", "account", 0.06, 20, None, State.BREACH)
    after, _ = evaluate(Rulebook(rules), {}, (reading,), day)
    assert {alert.state for alert in after.values()} == {AlertState.FIRING}


def test_rules_that_confirm_each_other_are_refused() -> None:
    rules = tuple(
        Rule(name=name, metric="drawdown", summary=name, threshold=0.05, confirmed_by=(by,))
        for name, by in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(ValueError, match="confirm each other in a circle"):
        in_order(rules)


class TestPartsOfASession:
    def test_counters_advance_once_a_session_however_often_it_is_judged(self) -> None:
        book, alerts = Rulebook([rule(for_sessions=2, dwell_sessions=2)]), dict[str, Alert]()
        for _ in range(5):
            alerts, _ = evaluate(book, alerts, [reading(BAD, DAY)], DAY, complete=False)
        assert (alerts["rule/rsi_14"].state, alerts["rule/rsi_14"].held) == (PENDING, 1)
        for _ in range(5):
            alerts, _ = evaluate(book, alerts, [reading(BAD, day(1))], day(1), complete=False)
        assert (alerts["rule/rsi_14"].state, alerts["rule/rsi_14"].fired_for) == (FIRING, 1)

    def test_an_alert_may_move_several_times_in_one_session_and_counts_its_moves(self) -> None:
        book, alerts, numbers = Rulebook([rule()]), dict[str, Alert](), list[int]()
        for value in (BAD, GOOD, BAD, GOOD):
            alerts, moved = evaluate(book, alerts, [reading(value, DAY)], DAY, complete=False)
            numbers += [move.alert.moves for move in moved]
        assert numbers == [1, 2, 3, 4]

    def test_a_witness_of_an_earlier_part_counts(self) -> None:
        rules = (rule(confirmed_by=("witness",)), rule("witness", metric="drawdown"))
        book = Rulebook(rules)
        early = [reading(BAD, DAY, metric="drawdown", subject="account")]
        alerts, _ = evaluate(book, {}, early, DAY, complete=False)
        after, _ = evaluate(book, alerts, [reading(BAD, DAY)], DAY, complete=False)
        assert after["rule/rsi_14"].state is FIRING
        late, _ = evaluate(book, alerts, [reading(BAD, day(1))], day(1), complete=False)
        assert late["rule/rsi_14"].state is PENDING


class TestRetiring:
    def fired(self, watched: Rule) -> dict[str, Alert]:
        return evaluate(Rulebook([watched]), {}, [reading(BAD, DAY)], DAY)[0]

    def test_the_alert_of_a_rule_that_is_gone_is_resolved(self) -> None:
        after, moved = retire(Rulebook(), self.fired(rule()), day(1), latched=False)
        assert after["rule/rsi_14"].state is RESOLVED
        assert [(move.before, move.reading) for move in moved] == [(FIRING, None)]

    def test_one_whose_subject_the_rule_no_longer_looks_at_is_resolved_too(self) -> None:
        narrowed = Rulebook([rule(subject="beta_*")])
        assert retire(narrowed, self.fired(rule()), day(1), latched=False)[0]["rule/rsi_14"].state is RESOLVED

    def test_one_that_holds_the_gate_stays_until_a_person_has_lifted_it(self) -> None:
        alerts = self.fired(rule(action=Action.HALT))
        assert retire(Rulebook(), alerts, day(1), latched=True) == ({}, ())
        assert retire(Rulebook(), alerts, day(1), latched=False)[0]["rule/rsi_14"].state is RESOLVED

    def test_what_is_in_force_stays(self) -> None:
        assert retire(Rulebook([rule()]), self.fired(rule()), day(1), latched=False) == ({}, ())

    def test_what_was_about_to_fire_or_without_data_is_forgotten(self) -> None:
        watched = rule(for_sessions=2, no_data_sessions=1)
        pending = evaluate(Rulebook([watched]), {}, [reading(BAD, DAY)], DAY)[0]
        blind = evaluate(Rulebook([watched]), pending, [], day(1))[0]
        assert [one["rule/rsi_14"].state for one in (pending, blind)] == [PENDING, NO_DATA]
        for alerts in (pending, blind):
            after, _ = retire(Rulebook(), alerts, day(2), latched=False)
            assert after["rule/rsi_14"].state is INACTIVE


def test_a_reading_meets_only_the_rules_about_its_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [rule(f"rule_{i}", metric=f"metric_{i}") for i in range(100)]
    found = [reading(BAD, DAY, metric=f"metric_{i % 100}", subject=f"s{i}") for i in range(10_000)]
    tests = 0
    real = Rule.test

    def counting(self: Rule, one: Reading) -> Verdict:
        nonlocal tests
        tests += 1
        return real(self, one)

    monkeypatch.setattr(Rule, "test", counting)
    after, moved = evaluate(Rulebook(rules), {}, found, DAY)
    assert len(after) == len(moved) == 10_000
    assert tests <= 2 * 10_000  # once to see whether it is worth remembering, once to advance


@pytest.mark.parametrize("subject", ["*", "s*"])
def test_ten_thousand_readings_of_one_metric_against_a_hundred_rules_are_tested_where_it_matters(
    monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    rules = Rulebook(rule(f"rule_{i:02}", subject=subject) for i in range(100))
    calm = [reading(GOOD, DAY, subject=f"s{i}") for i in range(9_999)]
    known, _ = evaluate(rules, {}, [*calm, reading(BAD, DAY, subject="bad")], DAY)
    tests = 0
    real = Rule.test

    def counting(self: Rule, one: Reading) -> Verdict:
        nonlocal tests
        tests += 1
        return real(self, one)

    monkeypatch.setattr(Rule, "test", counting)
    after, moved = evaluate(rules, known, [*calm, reading(GOOD, DAY, subject="bad")], day(1))
    assert len(after) == len(moved) == (100 if subject == "*" else 0)
    assert tests <= 100


@given(st.lists(st.floats(-1, 1) | st.just(math.nan), max_size=8))
def test_what_is_not_noteworthy_leaves_nothing_to_remember(values: list[float]) -> None:
    found = [reading(value, DAY, subject=f"s{i}") for i, value in enumerate(values)]
    for side, clear in ((Side.ABOVE, 0.1), (Side.BELOW, 0.3)):
        one = rule(side=side, clear=clear)
        kept = {each.subject for each in one.noteworthy(found, {"s1"})}
        breaking = {each.subject for each in found if one.test(each) is Verdict.HOLDS}
        assert kept == breaking | ({"s1"} if len(found) > 1 else set())


def test_readings_that_alternate_between_two_sessions_count_as_two() -> None:
    book, alerts = Rulebook((rule(for_sessions=5, dwell_sessions=5),)), dict[str, Alert]()
    for _ in range(4):
        for session in (day(0), day(1)):
            alerts, moved = evaluate(book, alerts, [reading(BAD, session)], session, complete=False)
    assert alerts["rule/rsi_14"].held == 2
    for number in range(2, 5):
        alerts, moved = evaluate(book, alerts, [reading(BAD, day(number))], day(number), complete=False)
    assert [move.alert.state for move in moved] == [FIRING]
    for number in (5, 4, 5, 4, 5):
        alerts, moved = evaluate(book, alerts, [reading(GOOD, day(number))], day(number), complete=False)
    assert alerts["rule/rsi_14"].fired_for == 2
    assert alerts["rule/rsi_14"].state is FIRING


def test_a_reading_of_an_earlier_session_moves_nothing() -> None:
    book = Rulebook((rule(),))
    alerts, _ = evaluate(book, {}, [reading(BAD, day(1))], day(1), complete=False)
    for complete in (False, True):
        assert evaluate(book, alerts, [reading(GOOD, day(0))], day(0), complete=complete) == (alerts, ())
