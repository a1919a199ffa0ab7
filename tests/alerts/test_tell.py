from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.alert import AlertState, Known, firing
from alerts.evaluation import retire
from alerts.message import Event, Severity
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.route import Digest, Route
from alerts.silence import Weekday, Window
from tests.alerts.cases import BAD, BETWEEN, GOOD, NOON, UNKNOWN, World, day, reading, rule

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def only(notices: tuple[Notice, ...]) -> Notice:
    (notice,) = notices
    return notice


def reasons(notices: tuple[Notice, ...]) -> list[Reason]:
    return [notice.reason for notice in notices]


def acknowledge(world: World, name: str, *, until: datetime | None = None) -> None:
    alert = world.alerts[name]
    marks = replace(alert.marks, acknowledged_by="anna", acknowledged_at=world.now, acknowledged_until=until)
    world.alerts[name] = replace(alert, marks=marks)


class TestTelling:
    def test_what_begins_to_fire_is_told_once_on_every_channel(self) -> None:
        world = World((rule(),))
        notice = only(world.judge(a=BAD))
        assert (notice.event, notice.reason) == (Event.FIRING, Reason.FIRST)
        assert notice.channels == ("slack", "email")
        assert [alert.subject for alert in notice.open] == ["a"]
        assert world.tell() == ()
        assert world.next(a=BAD) == ()

    def test_sixty_subjects_are_one_message_and_a_later_one_is_told_with_them(self) -> None:
        world = World((rule(),))
        many = {f"f{i}": BAD for i in range(60)}
        assert len(only(world.take(world.read(many))).open) == 60
        notice = only(world.next(**many, late=BAD))
        assert notice.reason is Reason.NEW_IN_GROUP
        assert len(notice.open) == 61

    def test_the_end_of_part_of_a_group_is_told_as_it_stands_and_then_the_end_of_all(self) -> None:
        world = World((rule(),))
        world.judge(a=BAD, b=BAD)
        part = only(world.next(a=GOOD, b=BAD))
        assert (part.event, part.reason) == (Event.FIRING, Reason.SOME_RESOLVED)
        assert [alert.subject for alert in part.open] == ["b"]
        end = only(world.next(a=GOOD, b=GOOD))
        assert (end.event, end.reason) == (Event.RESOLVED, Reason.RESOLVED)
        assert [alert.subject for alert in end.over] == ["b"]

    def test_a_spell_has_one_name_and_the_next_one_another(self) -> None:
        world = World((rule(),))
        first = [only(world.judge(a=BAD)), only(world.next(a=GOOD))]
        again = [only(world.next(a=BAD)), only(world.next(a=GOOD))]
        assert [one.episode for one in first + again] == ["2024-01-02"] * 2 + ["2024-01-04"] * 2

    def test_two_spells_of_one_session_are_told_apart(self) -> None:
        world = World((rule(),))
        told = [only(world.judge(complete=False, a=value)) for value in (BAD, GOOD, BAD)]
        assert [one.episode for one in told] == ["2024-01-02", "2024-01-02", "2024-01-02#2"]
        assert world.alerts["rule/a"].moves == 3

    def test_a_spell_of_an_earlier_session_has_no_name_of_one_that_was(self) -> None:
        world = World((rule(),))
        told = [*world.judge(complete=False, a=BAD), *world.judge(complete=False, a=GOOD)]
        world.sleep()
        told += [*world.judge(complete=False, a=BAD), *world.judge(complete=False, a=GOOD)]
        world.session = day(0)
        told += world.judge(complete=False, b=BAD)
        names = [one.episode for one in told]
        assert names == ["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-03", "2024-01-03#2"]

    def test_rules_of_one_group_are_one_message_as_urgent_as_the_worst(self) -> None:
        world = World((rule("psi", group="drift"), rule("ks", metric="ks", group="drift", severity=CRITICAL)))
        made = [reading(BAD, world.session), reading(BAD, world.session, metric="ks")]
        notice = only(world.take(made))
        assert (notice.group, notice.severity) == ("drift", CRITICAL)
        assert {alert.rule for alert in notice.open} == {"psi", "ks"}

    def test_the_most_urgent_group_is_told_first(self) -> None:
        world = World((rule("a_calm", severity=INFO), rule("z_fire", severity=CRITICAL)))
        assert [one.group for one in world.judge(a=BAD)] == ["z_fire", "a_calm"]

    def test_a_rule_that_is_gone_is_told_as_such(self) -> None:
        world = World((rule(), rule("other", metric="ks")))
        world.judge(a=BAD)
        world.rules = world.rules[1:]
        changed, moved = retire(world.book, world.alerts, world.session, latched=False)
        world.alerts |= changed
        assert [move.alert.state for move in moved] == [AlertState.RESOLVED]
        assert (only(world.tell()).reason, world.tell()) == (Reason.RULE_REMOVED, ())


class TestNoData:
    RULE = rule(no_data_sessions=2, severity=CRITICAL)

    def test_a_subject_that_cannot_be_judged_any_more_is_told_once_as_a_warning(self) -> None:
        world = World((self.RULE,))
        assert world.judge(a=GOOD) == ()
        assert world.next(a=UNKNOWN) == ()
        notice = only(world.next(a=UNKNOWN))
        assert (notice.event, notice.reason, notice.severity) == (Event.NO_DATA, Reason.NO_DATA, WARNING)
        assert [world.next(a=UNKNOWN) for _ in range(5)] == [()] * 5
        back = only(world.next(a=GOOD))
        assert (back.event, back.reason) == (Event.RESOLVED, Reason.RESOLVED)

    def test_one_that_vanished_counts_the_same(self) -> None:
        world = World((self.RULE,))
        world.judge(a=GOOD, b=GOOD)
        assert [world.next(b=GOOD), only(world.next(b=GOOD)).reason] == [(), Reason.NO_DATA]

    def test_one_that_was_never_judged_is_not_missed(self) -> None:
        world = World((self.RULE,))
        assert [world.judge(a=UNKNOWN), *(world.next(a=UNKNOWN) for _ in range(5))] == [()] * 6
        assert world.alerts == {}

    def test_a_firing_alert_goes_on_firing_and_people_are_told_that_nobody_knows(self) -> None:
        world = World((self.RULE,))
        world.judge(a=BAD)
        assert world.next(a=UNKNOWN) == ()
        notice = only(world.next(a=UNKNOWN))
        assert (notice.event, notice.reason) == (Event.NO_DATA, Reason.NO_DATA)
        assert [alert.state for alert in firing(world.alerts)] == [AlertState.FIRING]
        assert [world.next(a=UNKNOWN) for _ in range(3)] == [()] * 3
        assert world.next(a=BAD) == ()
        assert only(world.next(a=GOOD)).reason is Reason.RESOLVED

    def test_data_that_come_back_bad_fire(self) -> None:
        world = World((self.RULE,))
        world.judge(a=GOOD)
        world.next(a=UNKNOWN)
        world.next(a=UNKNOWN)
        notice = only(world.next(a=BAD))
        assert (notice.event, notice.severity) == (Event.FIRING, CRITICAL)

    def test_what_a_part_of_the_readings_leaves_out_did_not_vanish(self) -> None:
        world = World((self.RULE,))
        world.judge(a=GOOD)
        for _ in range(9):
            world.sleep()
            assert world.judge(complete=False, b=GOOD) == ()
        assert world.alerts["rule/a"].state is AlertState.INACTIVE

    def test_what_came_in_a_part_is_not_missed_in_the_whole(self) -> None:
        world = World((rule(no_data_sessions=1), rule("other", metric="ks")))
        world.judge(a=GOOD)
        for _ in range(9):
            world.sleep()
            world.judge(complete=False, a=GOOD)
            assert world.judge(metric="ks", x=GOOD) == ()
        world.sleep()
        assert reasons(world.judge(metric="ks", x=GOOD)) == [Reason.NO_DATA]


class TestSilence:
    def test_a_silenced_alert_is_not_told_and_says_why(self) -> None:
        world = World((rule(),))
        world.silence("rule", hours=1)
        assert world.judge(a=BAD) == ()
        marks = world.alerts["rule/a"].marks
        assert (marks.silenced, marks.reason, marks.known) == (True, Reason.SILENCED, Known.NOTHING)

    def test_it_is_told_when_the_silence_ends_while_it_still_fires(self) -> None:
        world = World((rule(),))
        world.silence("rule", hours=1)
        world.judge(a=BAD)
        assert world.wait(minutes=59) == ()
        assert only(world.wait(minutes=1)).reason is Reason.SILENCE_ENDED
        assert world.tell() == ()

    def test_what_came_and_went_under_a_silence_is_never_told(self) -> None:
        world = World((rule(),))
        world.silence("*", hours=48)
        world.judge(a=BAD)
        assert world.next(a=GOOD) == ()
        assert world.look().reasons == {}
        assert world.wait(hours=48) == ()

    def test_the_end_of_what_was_told_waits_for_the_end_of_the_silence(self) -> None:
        world = World((rule(),))
        world.judge(a=BAD)
        world.silence("rule", hours=30)
        assert world.next(a=GOOD) == ()
        assert only(world.wait(hours=6)).reason is Reason.RESOLVED

    def test_only_the_subjects_it_names_are_silenced(self) -> None:
        world = World((rule(),))
        world.silence("rule", hours=1, subject="b*")
        assert [alert.subject for alert in only(world.judge(a=BAD, b1=BAD)).open] == ["a"]

    @pytest.mark.parametrize("glob", ["rule", "r?le", "*", "drift", "dr*"])
    def test_a_silence_names_a_rule_or_its_group(self, glob: str) -> None:
        world = World((rule(group="drift"),))
        world.silence(glob, hours=1)
        assert world.judge(a=BAD) == ()

    def test_a_silence_hides_nothing_from_the_gate(self) -> None:
        world = World((rule(),))
        world.silence("*", hours=1)
        world.judge(a=BAD)
        assert [alert.fingerprint for alert in firing(world.alerts)] == ["rule/a"]

    def test_a_maintenance_window_silences_with_a_reason_of_its_own(self) -> None:
        window = Window("work", frozenset(Weekday), time(11), time(13), ZoneInfo("UTC"))
        world = World((rule(),), windows=(window,))
        assert world.judge(a=BAD) == ()
        assert world.alerts["rule/a"].marks.reason is Reason.MAINTENANCE
        assert only(world.wait(hours=1)).reason is Reason.SILENCE_ENDED


class TestInhibition:
    RULES = (
        rule("feed", metric="bars", severity=CRITICAL),
        rule("drift", inhibited_by=("feed",)),
    )

    def judge(self, world: World, bars: float, psi: float) -> list[tuple[str, Reason]]:
        world.sleep()
        made = [reading(bars, world.session, metric="bars", subject="all"), reading(psi, world.session)]
        return [(one.group, one.reason) for one in world.take(made)]

    def test_a_dead_feed_silences_the_drift_it_causes(self) -> None:
        world = World(self.RULES)
        assert self.judge(world, BAD, BAD) == [("feed", Reason.FIRST)]
        assert world.alerts["drift/rsi_14"].marks.reason is Reason.INHIBITED

    def test_drift_that_stays_when_the_feed_is_back_is_told(self) -> None:
        world = World(self.RULES)
        self.judge(world, BAD, BAD)
        assert sorted(self.judge(world, GOOD, BAD)) == [
            ("drift", Reason.INHIBITION_ENDED),
            ("feed", Reason.RESOLVED),
        ]

    def test_a_silenced_cause_still_explains_its_consequence(self) -> None:
        world = World(self.RULES)
        world.silence("feed", hours=100)
        assert self.judge(world, BAD, BAD) == []


class TestAcknowledging:
    ROUTE = Route(
        "all",
        channels=("slack",),
        repeat=timedelta(hours=4),
        escalate_after=timedelta(minutes=15),
        escalate_to=("email",),
    )

    def test_nobody_reacts_so_the_escalation_and_then_the_reminders_come(self) -> None:
        world = World((rule(),), routes=(self.ROUTE,))
        world.judge(a=BAD)
        assert world.wait(minutes=14) == ()
        up = only(world.wait(minutes=1))
        assert (up.event, up.reason, up.channels) == (Event.REMINDER, Reason.ESCALATED, ("email",))
        assert world.wait(hours=3) == ()
        again = only(world.wait(hours=1))
        assert (again.event, again.reason, again.channels) == (Event.REMINDER, Reason.REPEAT, ("slack",))
        assert reasons(world.wait(hours=4)) == [Reason.REPEAT]

    def test_what_is_acknowledged_is_neither_escalated_nor_repeated(self) -> None:
        world = World((rule(),), routes=(self.ROUTE,))
        world.judge(a=BAD)
        acknowledge(world, "rule/a")
        assert [world.wait(hours=1) for _ in range(30)] == [()] * 30
        assert world.groups["rule"].reason is Reason.ACKNOWLEDGED

    def test_another_alert_of_the_group_is_told_and_escalated_for_itself(self) -> None:
        world = World((rule(),), routes=(self.ROUTE,))
        world.judge(a=BAD)
        acknowledge(world, "rule/a")
        assert reasons(world.next(a=BAD, b=BAD)) == [Reason.NEW_IN_GROUP]
        assert reasons(world.wait(minutes=15)) == [Reason.ESCALATED]

    def test_an_acknowledgement_ends_with_the_spell(self) -> None:
        world = World((rule(),), routes=(self.ROUTE,))
        world.judge(a=BAD)
        acknowledge(world, "rule/a")
        world.next(a=GOOD)
        world.next(a=BAD)
        assert reasons(world.wait(minutes=15)) == [Reason.ESCALATED]

    def test_an_acknowledgement_that_runs_out_starts_the_wait_anew(self) -> None:
        world = World((rule(),), routes=(replace(self.ROUTE, repeat=None),))
        world.judge(a=BAD)
        acknowledge(world, "rule/a", until=world.now + timedelta(hours=1))
        assert [world.wait(minutes=30), world.wait(minutes=30), world.wait(minutes=14)] == [()] * 3
        assert reasons(world.wait(minutes=1)) == [Reason.ESCALATED]

    def test_what_is_silenced_is_not_repeated(self) -> None:
        world = World((rule(),), routes=(self.ROUTE,))
        world.judge(a=BAD)
        world.silence("*", hours=100)
        assert [world.wait(hours=5) for _ in range(5)] == [()] * 5


class TestRouting:
    def test_the_first_route_that_takes_a_message_decides(self) -> None:
        routes = (
            Route("night", severities=frozenset({CRITICAL}), channels=("email",), fallback=("slack",)),
            Route("drift", rules=("psi*", "drift"), channels=("slack",)),
        )
        rules = (rule("psi_1"), rule("x", group="drift"), rule("hot", severity=CRITICAL), rule("other"))
        world = World(rules, routes=routes)
        told = {one.group: one for one in world.judge(a=BAD)}
        assert {name: one.channels for name, one in told.items()} == {
            "hot": ("email",),
            "psi_1": ("slack",),
            "drift": ("slack",),
        }
        assert told["hot"].fallback == ("slack",)
        assert world.alerts["other/a"].marks.reason is Reason.UNROUTED

    def test_without_routes_every_channel_gets_what_it_asks_for(self) -> None:
        world = World((rule(severity=INFO),), channels=(("slack", WARNING), ("email", INFO)))
        notice = only(world.judge(a=BAD))
        assert (notice.channels, notice.fallback) == (("email",), ("slack", "email"))

    def test_what_no_channel_asks_for_is_decided_once_and_its_end_is_not_told_either(self) -> None:
        world = World((rule(severity=INFO),), channels=(("slack", WARNING),))
        assert world.judge(a=BAD) == ()
        assert world.alerts["rule/a"].marks.reason is Reason.BELOW_SEVERITY
        assert world.look().reasons == {}
        assert world.next(a=GOOD) == ()

    def test_whoever_was_told_the_worst_is_told_the_end(self) -> None:
        rules = (
            rule("hot", group="g", severity=CRITICAL),
            rule("calm", metric="ks", group="g", severity=INFO),
        )
        world = World(rules, channels=(("pager", CRITICAL),))
        world.take([reading(BAD, world.session), reading(BAD, world.session, metric="ks")])
        world.sleep()
        world.take([reading(GOOD, world.session), reading(BAD, world.session, metric="ks")])
        world.sleep()
        end = only(world.take([reading(GOOD, world.session), reading(GOOD, world.session, metric="ks")]))
        assert (end.event, end.channels) == (Event.RESOLVED, ("pager",))

    def test_a_channel_that_is_switched_off_gets_nothing(self) -> None:
        world = World((rule(),), routes=(Route("all", channels=("gone", "slack")),))
        assert only(world.judge(a=BAD)).channels == ("slack",)

    def test_what_is_info_waits_for_the_digest_and_the_rest_does_not(self) -> None:
        route = Route("quiet", channels=("email",), digest=Digest(18, ZoneInfo("UTC")))
        world = World((rule("calm", severity=INFO), rule("hot")), routes=(route,))
        told = {one.group: one for one in world.judge(a=BAD)}
        assert (told["calm"].digest, told["calm"].channels) == ("quiet", ())
        assert (told["hot"].digest, told["hot"].channels) == ("", ("email",))
        assert world.alerts["calm/a"].marks.reason is Reason.DIGESTED


class TestFlapping:
    RULE = rule(flap_moves=4, flap_sessions=10)

    def flap(self, world: World, times: int) -> list[Reason]:
        told = list(world.judge(a=BAD))
        for number in range(times):
            told += world.next(a=GOOD if number % 2 == 0 else BAD)
        return reasons(tuple(told))

    def test_one_that_moves_too_often_is_told_so_once_and_then_not(self) -> None:
        world = World((self.RULE,))
        assert self.flap(world, 12) == [
            Reason.FIRST,
            Reason.RESOLVED,
            Reason.FIRST,
            Reason.RESOLVED,
            Reason.UNSTEADY,
        ]
        assert world.look().reasons == {"rule/a": Reason.FLAPPING}

    @pytest.mark.parametrize(("value", "event"), [(BAD, Event.FIRING), (GOOD, Event.RESOLVED)])
    def test_once_steady_people_are_told_where_it_came_to_rest(self, value: float, event: Event) -> None:
        world = World((self.RULE,))
        self.flap(world, 12)
        told = [one for _ in range(12) for one in world.next(a=value)]
        assert [(one.reason, one.event) for one in told] == [(Reason.STEADY, event)]

    def test_it_is_steady_at_half_as_many_moves_as_made_it_flap(self) -> None:
        world = World((self.RULE,))
        self.flap(world, 12)
        while world.alerts["rule/a"].flapping:
            before = len(world.alerts["rule/a"].flips)
            world.next(a=BAD)
        assert (before, len(world.alerts["rule/a"].flips)) == (3, 2)

    def test_without_a_window_nothing_is_damped(self) -> None:
        world = World((replace(self.RULE, flap_sessions=0),))
        assert len(self.flap(world, 12)) == 13

    def test_damping_hides_nothing_from_the_gate(self) -> None:
        world = World((self.RULE,))
        self.flap(world, 12)
        assert [one.fingerprint for one in firing(world.alerts)] == ["rule/a"]


def test_telling_changes_nothing_about_an_alert_but_its_marks() -> None:
    world = World((rule(no_data_sessions=1),))
    world.judge(a=BAD, b=GOOD)
    world.silence("*", hours=1)
    before = dict(world.alerts)
    world.wait(hours=2)
    assert {name: replace(one, marks=before[name].marks) for name, one in world.alerts.items()} == before


def test_a_day_of_a_daylight_saving_change_has_one_digest() -> None:
    digest = Digest(2, ZoneInfo("America/New_York"))  # 02:00 does not exist on 2024-03-10
    start = datetime(2024, 3, 9, 12, tzinfo=UTC)
    strokes = [start + timedelta(minutes=15 * i) for i in range(4 * 24)]
    due = [at for at in strokes if digest.is_due(start, at)]
    assert due[0] == datetime(2024, 3, 10, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2024-01-06 02:59", False),  # Friday evening in New York, before it begins
        ("2024-01-06 03:00", True),
        ("2024-01-06 10:59", True),  # the night after Friday belongs to Friday
        ("2024-01-06 11:00", False),
        ("2024-01-07 05:00", False),  # Saturday night is not named
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_begins(at: str, is_open: bool) -> None:
    window = Window("night", frozenset({Weekday.FRI}), time(22), time(6), ZoneInfo("America/New_York"))
    assert window.is_open(datetime.fromisoformat(at).replace(tzinfo=UTC)) is is_open


def test_between_clear_and_threshold_nothing_is_told() -> None:
    world = World((rule(),))
    world.judge(a=BAD)
    assert world.next(a=BETWEEN) == ()
    assert world.now > NOON
