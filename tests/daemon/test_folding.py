"""Which messages are superseded, which are folded, and which is sent next: pure decisions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.folding import best_probe, fold, heads, most_urgent, silent
from daemon.storage.parcel import WAITING, Status, Unsent

AT = datetime(2024, 1, 2, tzinfo=UTC)


def row(group: str, revision: int = 1, **values: object) -> Unsent:
    return Unsent(
        **cast(
            "dict[str, Any]",
            {
                "group": group,
                "revision": revision,
                "channel": "slack",
                "episode": "1",
                "event": "firing",
                "severity": 1,
                "status": Status.PENDING,
                "faults": 0,
                "created_at": AT,
                "due_at": AT,
                **values,
            },
        )
    )


def names(rows: tuple[Unsent, ...]) -> list[str]:
    return [one.key for one in rows]


def test_five_messages_are_told_one_by_one_and_six_as_one() -> None:
    six = [row(f"g{i}") for i in range(6)]
    assert fold(six[:5], above=5, most=200, working=True).digests == ()
    (digest,) = fold(six, above=5, most=200, working=True).digests
    assert names(digest) == [f"g{i}/1" for i in range(6)]


def test_what_follows_a_message_in_doubt_goes_into_no_digest() -> None:
    storm = [row(f"g{i}") for i in range(6)]
    doubtful = row("d", 1, status=Status.UNKNOWN, severity=2)
    over = row("d", 2, event="resolved")
    stale = [row(f"s{i}", 2, event="resolved") for i in range(3)]
    (digest,) = fold([doubtful, over, *storm, *stale], above=5, most=200, working=True).digests
    assert "d/2" not in names(digest)
    assert len(digest) == 9


def test_what_follows_a_digest_that_has_not_arrived_waits_for_it() -> None:
    behind = [row(f"g{i}", 2, behind=True) for i in range(6)]
    assert fold(behind, above=5, most=200, working=True).digests == ()
    assert names(heads([*behind, row("free")])) == ["free/1"]


def test_an_end_that_is_shown_in_place_is_not_folded_and_goes_last() -> None:
    ends = [row(f"g{i}", 2, event="resolved", told=True, severity=2) for i in range(8)]
    assert fold(ends, above=5, most=200, working=True, edits=True).digests == ()
    assert len(fold(ends, above=5, most=200, working=True).digests) == 1
    rows = [*ends, row("new"), row("g0", 3, severity=2)]
    last = silent(rows, edits=True)
    assert last == {f"g{i}/2" for i in range(1, 8)}, "g0/2 holds up g0/3"
    first = most_urgent(heads(rows), last=last)
    assert first is not None
    assert first.key == "g0/2"
    later = most_urgent([*ends[1:], row("new")], last=last)
    assert later is not None
    assert later.key == "new/1"


def test_a_critical_message_is_not_buried_with_the_others() -> None:
    storm = [row(f"g{i}") for i in range(10)] + [row("c", severity=2)]
    (digest,) = fold(storm, above=5, most=200, working=True).digests
    assert "c/1" not in names(digest)


def test_many_critical_messages_are_folded_among_themselves() -> None:
    storm = [row(f"g{i}", severity=i % 2 + 1) for i in range(20)]
    folded = fold(storm, above=5, most=200, working=True).digests
    assert [{one.severity for one in digest} for digest in folded] == [{2}, {1}]


def test_a_digest_is_never_larger_than_asked() -> None:
    digests = fold([row(f"g{i}") for i in range(1000)], above=5, most=200, working=True).digests
    assert [len(digest) for digest in digests] == [200] * 5


def test_digests_and_what_is_in_flight_or_in_doubt_are_left_alone() -> None:
    rows = [row("folded.slack", i, episode="") for i in range(1, 10)]
    rows += [row(f"u{i}", status=Status.UNKNOWN) for i in range(9)]
    rows += [row(f"c{i}", status=Status.CLAIMED) for i in range(9)]
    plan = fold(rows, above=5, most=200, working=True)
    assert (plan.superseded, plan.digests) == ((), ())


def test_stale_messages_go_as_one_digest_and_current_ones_by_themselves() -> None:
    stale = [row(f"s{i}", 2, event="resolved") for i in range(4)]
    fired = [row(f"s{i}", 1) for i in range(4)]
    current = row("current", severity=2)
    plan = fold([*fired, *stale, current], above=5, most=200, working=True)
    assert [names(digest) for digest in plan.digests] == [[f"s{i}/2" for i in range(4)]]
    assert sorted(one.key for one, _ in plan.superseded) == [f"s{i}/1" for i in range(4)]


def test_a_resolution_goes_by_itself_where_the_firing_was_told() -> None:
    over = [row(f"s{i}", 2, event="resolved", told=True) for i in range(4)]
    assert fold(over, above=5, most=200, working=True).digests == ()


def test_a_less_urgent_message_never_stands_in_for_a_more_urgent_one() -> None:
    fired, more, later = row("g", 1, severity=2), row("g", 2, severity=1), row("g", 3, severity=1)
    folding = fold([fired, more, later], above=5, most=200, working=True)
    assert folding.superseded == ((more, later),)
    assert fold(
        [more, fired_again := row("g", 3, severity=2)], above=5, most=200, working=True
    ).superseded == ((more, fired_again),)


def test_a_message_is_superseded_only_by_one_that_names_all_its_subjects() -> None:
    alpha, both = frozenset({"alpha"}), frozenset({"alpha", "beta"})
    first = row("g", 1, severity=2, subjects=alpha)
    wider = row("g", 2, severity=2, subjects=both)
    other = row("g", 3, severity=2, subjects=frozenset({"beta"}))
    assert fold([first, other], above=5, most=200, working=False).superseded == ()
    assert fold([first, wider], above=5, most=200, working=False).superseded == ((first, wider),)
    assert fold([first, wider, other], above=5, most=200, working=False).superseded == ((first, wider),)
    over = row("g", 4, severity=2, subjects=frozenset({"beta"}), event="resolved")
    (digest,) = fold([first, other, over], above=5, most=200, working=True).digests
    assert names(digest) == ["g/1", "g/3", "g/4"]


def test_the_count_of_a_group_too_large_to_list_stands_in_for_names_but_not_of_what_is_critical() -> None:
    for severity, folded in ((1, True), (2, False)):
        older = row("g", 1, severity=severity, subjects=frozenset({"a"}))
        newer = row("g", 2, severity=severity, subjects=frozenset({"b"}), lists_all=False)
        assert bool(fold([older, newer], above=5, most=200, working=True).superseded) is folded


def test_nothing_is_folded_while_the_channel_fails() -> None:
    rows = [row(f"g{i}", revision) for i in range(10) for revision in (1, 2)]
    plan = fold(rows, above=5, most=200, working=False)
    assert len(plan.superseded) == 10
    assert plan.digests == ()


def test_a_message_that_keeps_failing_is_folded_with_those_it_holds_up() -> None:
    stuck = row("g", 1, faults=3, status=Status.RETRY)
    later = row("g", 2, episode="2")
    (digest,) = fold([stuck, later], above=5, most=200, working=True).digests
    assert names(digest) == ["g/1", "g/2"]


def test_no_message_overtakes_its_group_but_digests_are_free() -> None:
    rows = (row("g", 2), row("g", 1), row("h"), row("folded.slack", 1), row("folded.slack", 2, severity=2))
    assert sorted(names(heads(rows))) == ["folded.slack/1", "folded.slack/2", "g/1", "h/1"]
    urgent = most_urgent(heads(rows))
    assert urgent is not None
    assert urgent.key == "folded.slack/2"


def test_a_probe_prefers_what_was_not_tried_for_longest() -> None:
    tried = [row("a", severity=2, tried_at=AT + timedelta(seconds=9)), row("b", tried_at=AT)]
    probe = best_probe([*tried, row("c", severity=0)])
    assert probe is not None
    assert probe.key == "c/1"
    probe = best_probe(tried)
    assert probe is not None
    assert probe.key == "b/1"


rows_ = st.lists(
    st.builds(
        row,
        st.sampled_from("abcdefgh"),
        st.integers(1, 6),
        episode=st.sampled_from(["", "1", "2"]),
        event=st.sampled_from(["firing", "resolved", "reminder", "gate"]),
        severity=st.integers(0, 2),
        status=st.sampled_from([Status.PENDING, Status.RETRY, Status.UNKNOWN, Status.CLAIMED]),
        faults=st.integers(0, 4),
        told=st.booleans(),
        subjects=st.frozensets(st.sampled_from("xyz")),
        lists_all=st.booleans(),
        behind=st.booleans(),
    ),
    unique_by=lambda one: one.key,
    max_size=40,
)


@given(rows_, st.integers(1, 6), st.sampled_from([2, 8, 200]), st.booleans(), st.booleans())
def test_every_message_has_one_fate_and_none_is_forgotten(
    rows: list[Unsent], above: int, most: int, working: bool, edits: bool
) -> None:
    plan = fold(rows, above=above, most=most, working=working, edits=edits)
    fates = Counter(one.key for one, _ in plan.superseded)
    fates.update(one.key for digest in plan.digests for one in digest)
    assert all(count == 1 for count in fates.values())
    waiting = {one.key for one in rows if one.status in WAITING}
    assert set(fates) <= waiting
    superseded = {one.key for one, _ in plan.superseded}
    for older, newer in plan.superseded:
        assert (older.group, older.episode) == (newer.group, newer.episode)
        assert older.revision < newer.revision
        assert newer.key in waiting - superseded
        counted = older.severity < 2 and not newer.lists_all
        assert counted or older.subjects <= newer.subjects
    assert all(1 <= len(digest) <= most for digest in plan.digests)
    live = [one for one in rows if one.key not in superseded]
    apart = {
        one.key
        for one in live
        if one.status not in WAITING or one.behind or (edits and one.told and one.event == "resolved")
    }
    for digest in plan.digests:
        folded = {one.key for one in digest}
        assert not folded & apart
        if most == 200:
            for one in digest:
                assert all(
                    early.key in folded
                    for early in live
                    if early.group == one.group and early.revision < one.revision
                )
    several = [one.group for one in live]
    held = apart | {one.key for one in live if several.count(one.group) > 1}
    left = [one for one in rows if one.key in waiting - set(fates) - held]
    if working:
        assert sum(one.severity < 2 for one in left) <= above + 1  # and one stale message by itself
