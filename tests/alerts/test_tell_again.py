"""Who hears later: of what no channel took, of what became more urgent, and of what an escalation began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.daily import DueDigest, collect, due_digests
from alerts.group import Group
from alerts.message import Event, Finding, Message, Severity
from alerts.notice import Notice
from alerts.reason import Reason
from alerts.route import Digest, Route, Routing
from tests.alerts.cases import BAD, DAY, GOOD, World, rule

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def only(notices: tuple[Notice, ...]) -> Notice:
    (notice,) = notices
    return notice


class TestAMendedRoute:
    def test_what_fired_while_no_route_took_it_is_told_once_one_does(self) -> None:
        nothing = (Route("money", severities=frozenset({CRITICAL}), channels=("slack",)),)
        world = World((rule(),), routes=nothing)
        assert world.judge(a=BAD) == ()
        assert world.alerts["rule/a"].marks.reason is Reason.UNROUTED
        assert world.next(a=BAD) == ()
        world.routes = (*nothing, Route("rest", channels=("email",)))
        notice = only(world.wait(minutes=1))
        assert (notice.reason, notice.channels) == (Reason.ROUTED, ("email",))
        assert [alert.subject for alert in notice.open] == ["a"]
        assert world.wait(minutes=1) == ()
        assert only(world.next(a=GOOD)).event is Event.RESOLVED

    def test_what_was_below_every_channel_is_told_once_one_asks_for_it(self) -> None:
        world = World((rule(severity=INFO),), channels=(("slack", WARNING),))
        assert world.judge(a=BAD) == ()
        world.channels = (("slack", INFO),)
        assert only(world.wait(minutes=1)).reason is Reason.ROUTED

    def test_what_a_silence_covered_meanwhile_is_not_forgotten(self) -> None:
        world = World((rule(severity=INFO),), channels=(("slack", WARNING),))
        world.judge(a=BAD)
        world.silence("rule", hours=1)
        world.wait(minutes=10)
        world.wait(hours=2)
        world.channels = (("slack", INFO),)
        assert only(world.wait(minutes=1)).reason is Reason.ROUTED

    def test_what_waits_for_a_digest_is_not_told_twice(self) -> None:
        route = Route("quiet", channels=("email",), digest=Digest(18, ZoneInfo("UTC")))
        world = World((rule(severity=INFO),), routes=(route,))
        assert only(world.judge(a=BAD)).digest == "quiet"
        assert world.wait(minutes=1) == ()
        assert world.next(a=BAD) == ()


class TestARaisedRule:
    def test_a_rule_that_becomes_more_urgent_is_told_to_those_it_concerns_now(self) -> None:
        routes = (
            Route("money", severities=frozenset({CRITICAL}), channels=("slack",)),
            Route("rest", channels=("email",)),
        )
        world = World((rule(),), routes=routes)
        assert only(world.judge(a=BAD)).channels == ("email",)
        world.rules = (rule(severity=CRITICAL),)
        notice = only(world.wait(minutes=1))
        assert (notice.reason, notice.channels, notice.severity) == (Reason.RAISED, ("slack",), CRITICAL)
        assert world.wait(minutes=1) == ()
        world.rules = (rule(severity=WARNING),)
        assert world.wait(minutes=1) == ()
        world.rules = (rule(severity=CRITICAL),)
        assert world.wait(minutes=1) == (), "people have heard the worst of this spell"

    def test_one_that_was_below_every_channel_is_told_when_it_is_raised(self) -> None:
        world = World((rule(severity=INFO),), channels=(("slack", WARNING),))
        assert world.judge(a=BAD) == ()
        world.rules = (rule(severity=CRITICAL),)
        assert only(world.wait(minutes=1)).severity is CRITICAL


class TestEscalation:
    def route(self, **changes: object) -> Route:
        usual = Route(
            "all",
            channels=("email",),
            repeat=timedelta(hours=4),
            escalate_after=timedelta(minutes=30),
            escalate_to=("slack",),
        )
        return replace(usual, **changes)  # type: ignore[arg-type]

    def test_whoever_it_was_escalated_to_hears_how_it_goes_on_and_its_end(self) -> None:
        world = World((rule(),), routes=(self.route(),))
        world.judge(a=BAD)
        assert only(world.wait(minutes=40)).channels == ("slack",)
        assert only(world.next(a=BAD, b=BAD)).channels == ("email", "slack")
        end = only(world.next(a=GOOD, b=GOOD))
        assert (end.event, end.channels) == (Event.RESOLVED, ("email", "slack"))
        assert only(world.next(a=BAD)).channels == ("email",), "another spell, another escalation"

    def test_one_that_no_channel_takes_holds_no_repeat_up(self) -> None:
        world = World((rule(),), routes=(self.route(),), channels=(("slack", CRITICAL), ("email", INFO)))
        world.judge(a=BAD)
        assert world.wait(minutes=40) == ()
        assert only(world.wait(hours=4)).reason is Reason.REPEAT
        assert only(world.wait(hours=4)).reason is Reason.REPEAT
        world.channels = (("slack", INFO), ("email", INFO))
        assert only(world.wait(minutes=1)).reason is Reason.ESCALATED


def note(group: str, severity: Severity = INFO) -> Message:
    found = (Finding("a", "0.3", "> 0.2", 20, "", "2024-01-02"),)
    at = "2024-01-02T21:30:00+00:00"
    return Message(
        group, group, Event.FIRING, severity, f"{group} drifts", "2024-01-02", found, "", "", "1", at=at
    )


QUIET = Route("quiet", channels=("email",), digest=Digest(18, ZoneInfo("UTC")))
EVENING = datetime(2024, 1, 3, 18, 1, tzinfo=UTC)
BOTH = (("slack", INFO), ("email", INFO))


def collected(*notes: Message) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for one in notes:
        groups["digest-quiet"] = collect(groups, "quiet", one)
    return groups


def due(groups: dict[str, Group], routing: Routing) -> tuple[DueDigest, ...]:
    return due_digests(groups, routing, DAY, EVENING)


class TestWhatWasCollected:
    def test_it_is_told_at_its_hour(self) -> None:
        (told,) = due(collected(note("a"), note("b")), Routing(BOTH, (QUIET,)))
        assert (told.channels, told.group.notes) == (("email",), ())
        assert told.message.title == "The day's digest: 2 messages in one: 2 firing"

    def test_it_goes_to_the_routes_that_take_it_now_where_its_own_is_gone(self) -> None:
        routes = (Route("a", rules=("a",), channels=("slack",)), Route("rest", channels=("email",)))
        groups = collected(note("a"), note("b"), note("c"))
        told = due(groups, Routing(BOTH, routes))
        assert [(one.channels, len(one.message.findings)) for one in told] == [
            (("slack",), 1),
            (("email",), 2),
        ]
        assert "for the route 'quiet', which collects no more" in told[0].message.title
        assert [one.message.key for one in told] == ["digest-quiet/1", "digest-quiet/2"]
        assert told[-1].group.notes == ()
        assert due({"digest-quiet": told[-1].group}, Routing(BOTH, routes)) == ()

    def test_it_goes_to_the_others_where_its_channel_is_switched_off(self) -> None:
        (told,) = due(collected(note("a")), Routing((("slack", INFO),), (QUIET,)))
        assert told.channels == ("slack",)
        assert "meant for email" in told.message.title

    def test_it_waits_where_nobody_takes_it(self) -> None:
        groups = collected(note("a"))
        nobody = (("slack", CRITICAL),)
        assert due(groups, Routing(nobody, (QUIET,))) == ()
        assert due(groups, Routing(nobody, (Route("rest", channels=("slack",)),))) == ()
        (told,) = due(groups, Routing((("slack", INFO),), (QUIET,)))
        assert len(told.message.findings) == 1
