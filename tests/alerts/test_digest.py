from dataclasses import replace

import pytest

from alerts.digest import MOST_FINDINGS, compose_digest
from alerts.message import Event, Finding, Message, Severity


def told(group: str, severity: Severity, event: Event = Event.FIRING, findings: int = 1) -> Message:
    found = tuple(Finding(f"f{i}", "0.3", "> 0.2", 20, "", "2024-01-02") for i in range(findings))
    return Message(
        f"{group}/1", group, event, severity, f"{group} drifts", "2024-01-02", found, "", "", episode="e"
    )


def test_a_digest_names_every_message_the_most_urgent_first() -> None:
    digest = compose_digest(
        "folded.slack/1",
        "folded.slack",
        [told("a", Severity.INFO), told("b", Severity.CRITICAL), told("c", Severity.WARNING, Event.RESOLVED)],
    )
    assert digest.title == "3 messages in one: 2 firing, 1 over"
    assert [finding.about for finding in digest.findings] == [
        "b drifts (firing)",
        "a drifts (firing)",
        "c drifts (over)",
    ]
    assert (digest.severity, digest.event, digest.key) == (Severity.CRITICAL, Event.DIGEST, "folded.slack/1")


def test_what_is_over_makes_no_digest_critical() -> None:
    digest = compose_digest(
        "k", "g", [told("a", Severity.CRITICAL), told("a", Severity.CRITICAL, Event.RESOLVED)]
    )
    assert digest.severity is Severity.WARNING


def test_two_hundred_messages_of_many_findings_each_keep_one_and_count_the_others() -> None:
    digest = compose_digest("k", "g", [told(f"g{i}", Severity.WARNING, findings=7) for i in range(200)])
    assert len(digest.findings) == MOST_FINDINGS
    assert digest.others == 200 * 6
    assert len({finding.about for finding in digest.findings}) == 200


def test_a_message_without_findings_stands_for_itself() -> None:
    gate = replace(told("gate", Severity.WARNING, Event.GATE, findings=0), done="Trading is HALTED.")
    digest = compose_digest("k", "g", [gate])
    assert digest.findings == (
        Finding("gate", "Trading is HALTED.", "", 0, "", "2024-01-02", "gate drifts (about trading)"),
    )


def test_a_digest_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        compose_digest("k", "g", [])
