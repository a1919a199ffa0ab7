"""Any story of readings, silences, acknowledgements, reloads and waiting: what must hold after each step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alerts.alert import Alert, AlertState, Known, firing
from alerts.evaluation import evaluate, retire
from alerts.message import Event, Severity
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.route import Route
from alerts.rulebook import Rulebook
from tests.alerts import cases
from tests.alerts.cases import BAD, BETWEEN, GOOD, UNKNOWN, World, reading

pytestmark = pytest.mark.no_cover  # it repeats what other tests count

STEPS = 40
CI_STEPS, SOAK_STEPS = 8_000, 100_000

INACTIVE, PENDING, FIRING, RESOLVED, NO_DATA = AlertState
LEGAL = {
    (INACTIVE, PENDING),
    (INACTIVE, FIRING),
    (INACTIVE, NO_DATA),
    (PENDING, FIRING),
    (PENDING, INACTIVE),
    (PENDING, NO_DATA),
    (FIRING, RESOLVED),
    (RESOLVED, PENDING),
    (RESOLVED, FIRING),
    (RESOLVED, NO_DATA),
    (NO_DATA, INACTIVE),
    (NO_DATA, PENDING),
    (NO_DATA, FIRING),
}
CHANNELS = (("slack", Severity.INFO), ("email", Severity.INFO))
ROUTE = Route(
    "all",
    channels=("slack", "email"),
    repeat=timedelta(hours=4),
    escalate_after=timedelta(minutes=30),
    escalate_to=("email",),
)
RULES = (
    cases.rule("feed", metric="bars", severity=Severity.CRITICAL, no_data_sessions=3),
    cases.rule("psi", group="drift", for_sessions=2, dwell_sessions=2, inhibited_by=("feed",)),
    cases.rule("ks", metric="ks", group="drift", no_data_sessions=2, flap_moves=2, flap_sessions=6),
    cases.rule("halt", metric="ks", severity=Severity.CRITICAL, confirmed_by=("psi",), flap_sessions=0),
)
SUBJECTS = ("a", "b")
VALUES = st.sampled_from([BAD, BAD, BAD, BETWEEN, GOOD, GOOD, UNKNOWN, None])
OPENING = {Known.NOTHING, Known.NO_DATA, Known.FLAPPING}


class Telling(RuleBasedStateMachine):
    """The world, and beside it the same readings in a world where nobody ever marks anything."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(RULES, routes=(ROUTE,), channels=CHANNELS)
        self.unmarked: dict[str, Alert] = {}
        self.spells: dict[tuple[str, int], list[str]] = {}
        self.unheard: set[str] = set()
        self.notices: tuple[Notice, ...] = ()

    @rule(
        bars=VALUES,
        psi=st.tuples(VALUES, VALUES),
        ks=st.tuples(VALUES, VALUES),
        complete=st.booleans(),
        later=st.booleans(),
    )
    def judge(
        self,
        bars: float | None,
        psi: tuple[float | None, ...],
        ks: tuple[float | None, ...],
        complete: bool,
        later: bool,
    ) -> None:
        world = self.world
        if later:
            world.sleep()
        values = [("bars", "all", bars)]
        values += [("psi", name, value) for name, value in zip(SUBJECTS, psi, strict=True)]
        values += [("ks", name, value) for name, value in zip(SUBJECTS, ks, strict=True)]
        made = [
            reading(value, world.session, subject=subject, metric=metric)
            for metric, subject, value in values
            if value is not None
        ]
        before = world.alerts
        self.unmarked, _ = evaluate(world.book, self.unmarked, made, world.session, complete=complete)
        world.alerts, moved = evaluate(world.book, before, made, world.session, complete=complete)
        for move in moved:
            assert (move.before, move.alert.state) in LEGAL
        self.tell()

    @rule(minutes=st.sampled_from([1, 20, 45, 300]))
    def wait(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)
        self.tell()

    @rule(glob=st.sampled_from(["*", "drift", "feed", "ps?"]), hours=st.sampled_from([0.5, 5, 60]))
    def silence(self, glob: str, hours: float) -> None:
        self.world.silence(glob, hours)
        self.tell()

    @precondition(lambda self: bool(self.world.silences))
    @rule()
    def end_the_silences(self) -> None:
        now = self.world.now
        self.world.silences = [replace(one, ends=min(one.ends, now)) for one in self.world.silences]
        self.tell()

    @precondition(lambda self: bool(firing(self.world.alerts)))
    @rule(pick=st.randoms(use_true_random=False), forever=st.booleans())
    def acknowledge(self, pick: object, forever: bool) -> None:
        alert = pick.choice(firing(self.world.alerts))  # type: ignore[attr-defined]
        until = None if forever else self.world.now + timedelta(hours=6)
        marks = replace(
            alert.marks, acknowledged_by="anna", acknowledged_at=self.world.now, acknowledged_until=until
        )
        self.world.alerts[alert.fingerprint] = replace(alert, marks=marks)
        self.tell()

    @rule(gone=st.sampled_from([(), ("psi",), ("ks",), ("feed", "halt")]))
    def reload(self, gone: tuple[str, ...]) -> None:
        world = self.world
        world.rules = tuple(
            replace(one, confirmed_by=tuple(set(one.confirmed_by) - set(gone)))
            for one in RULES
            if one.name not in gone
        )
        for alerts in (world.alerts, self.unmarked):
            changed, moved = retire(world.book, alerts, world.session, latched=False)
            alerts.update(changed)
            for move in moved:
                assert (move.before, move.alert.state) in LEGAL
        self.tell()

    @rule(routed=st.booleans())
    def reroute(self, routed: bool) -> None:
        """Lose every route, or mend them: what fired meanwhile is told then."""
        self.world.routes = (ROUTE,) if routed else (Route("nobody", channels=("gone",)),)
        self.tell()

    def tell(self) -> None:
        before = dict(self.world.alerts)
        self.notices = self.world.tell()
        for name, alert in self.world.alerts.items():
            fired = alert.state is FIRING and alert.marks.known in (Known.FIRING, Known.BLIND)
            if not fired:
                self.unheard.discard(name)
                continue
            begins = before[name].marks.known in OPENING
            waits = name in self.unheard and not self.is_held(alert) and not alert.flapping
            if not (begins or waits):
                continue
            news = [one for one in self.notices if one.event is not Event.REMINDER]
            told = [one for one in news if name in {opened.fingerprint for opened in one.open}]
            if self.world.routes != (ROUTE,):
                assert told == []
                self.unheard.add(name)
                continue
            assert len(told) == 1, (
                "what begins, or had no way to anybody, is told in one message of its group"
            )
            self.unheard.discard(name)
            self.spells.setdefault((name, alert.moves), []).extend(told[0].channels)

    @invariant()
    def every_firing_is_told_exactly_once_on_every_channel(self) -> None:
        for (name, _), channels in self.spells.items():
            flaps = Rulebook(RULES).get(name.split("/")[0])
            if flaps is not None and flaps.flap_sessions == 20:
                assert sorted(channels) == ["email", "slack"]
        for alert in firing(self.world.alerts):
            if not self.is_held(alert) and not alert.flapping:
                assert alert.marks.known in (Known.FIRING, Known.BLIND)

    @invariant()
    def what_is_held_back_is_never_told(self) -> None:
        for notice in self.notices:
            assert not [alert for alert in (*notice.open, *notice.over) if self.is_held(alert)]

    @invariant()
    def what_is_acknowledged_is_neither_repeated_nor_escalated(self) -> None:
        for notice in self.notices:
            if notice.event is Event.REMINDER:
                assert notice.reason in (Reason.REPEAT, Reason.ESCALATED)
                waiting = [one for one in notice.open if not one.marks.is_acknowledged(self.world.now)]
                assert [one for one in waiting if one.is_open and not one.flapping]

    @invariant()
    def the_same_input_tells_nothing_twice(self) -> None:
        again = self.world.look()
        assert (again.notices, again.alerts, again.groups) == ((), {}, {})

    @invariant()
    def marks_never_change_what_fires(self) -> None:
        assert [one.fingerprint for one in firing(self.world.alerts)] == [
            one.fingerprint for one in firing(self.unmarked)
        ]

    def is_held(self, alert: Alert) -> bool:
        """Decide anew, without the code under test, whether an alert is held back now."""
        names = {"psi": "drift", "ks": "drift"}
        group = names.get(alert.rule, alert.rule)
        for one in self.world.silences:
            if one.starts <= self.world.now < one.ends:
                wanted = {"*": True, "drift": group == "drift", "feed": alert.rule == "feed"}
                if wanted.get(one.rule, alert.rule == "psi"):
                    return True
        in_force = any(one.name == "psi" for one in self.world.rules)
        causes = [one for one in firing(self.world.alerts) if one.rule == "feed"]
        return alert.rule == "psi" and in_force and bool(causes)


def run(steps: int) -> None:
    run_state_machine_as_test(
        Telling,
        settings=settings(
            max_examples=steps // STEPS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_story_breaks_the_telling() -> None:
    run(CI_STEPS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_long_story_breaks_the_telling() -> None:
    run(SOAK_STEPS)
