"""A digest stays readable however much it folds."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from alerts.digest import compose_digest
from alerts.message import Event, Message, Severity
from alerts.render_html import render_html
from alerts.render_phrases import sections
from alerts.render_slack import SECTION_LIMIT, render_blocks
from alerts.render_text import render_text
from tests.stand_ins.messages import FIRING, GATE, digest, storm


def listed(message: Message) -> int:
    return sum(len(section.findings) for section in sections(message, 50))


def test_two_hundred_findings_are_grouped_worst_first_and_counted() -> None:
    found = sections(digest(200), 50)
    assert len(found) == 6
    assert [len(section.findings) for section in found] == [5] * 6
    assert [section.findings[0].value for section in found] == sorted(
        (section.findings[0].value for section in found), reverse=True
    )
    assert found[0].more.endswith("more, none of them worse")
    assert len(render_text(digest(200)).splitlines()) < 70


def test_a_thousand_alerts_are_twenty_and_a_count() -> None:
    many = [replace(storm(2), key=f"k{n}", group=f"g{n}", title=f"Rule {n} fires") for n in range(1000)]
    message = compose_digest("digest/1", "digest", many)
    assert listed(message) <= 40
    *_, last = sections(message, 50)
    assert last.findings == ()
    assert last.more.startswith("and ")
    shown = listed(message)
    hidden = sum(int(word.replace(",", "")) for s in sections(message, 50) for word in s.more.split()[1:2])
    assert shown + hidden == 2000
    assert len(render_text(message).splitlines()) < 120
    assert len(render_html(message).encode()) < 100_000


def test_every_finding_is_listed_or_counted() -> None:
    for number in (1, 2, 31, 200):
        message = digest(number)
        words = [section.more.split()[1] for section in sections(message, 50) if section.more]
        counted = sum(1 if word == "one" else int(word.replace(",", "")) for word in words)
        assert listed(message) + counted == number


def test_a_digest_whose_findings_name_no_alert_is_one_list() -> None:
    message = replace(digest(60), findings=tuple(replace(one, about="") for one in digest(60).findings))
    (only,) = sections(message, 50)
    assert (only.heading, len(only.findings), only.more) == ("", 50, "and 10 more, none of them worse")


def test_what_was_never_a_number_has_no_samples_and_no_chance() -> None:
    message = compose_digest("digest/2", "digest", [GATE, FIRING])
    text = " ".join(render_text(message).split())
    assert "Trading was halted by anna (about trading)" in text
    assert "gate Trading is HALTED" in text
    assert "2026-03-23</span></td>" in render_html(message)
    assert "no samples" not in render_html(message)


@pytest.mark.parametrize("event", [event for event in Event if event is not Event.DIGEST])
def test_nothing_but_a_digest_is_grouped(event: Event) -> None:
    assert len(sections(replace(digest(20), event=event), 50)) == 1


def test_every_critical_alert_is_named_in_a_digest_wherever_it_is_read() -> None:
    critical = [
        replace(storm(2), key=f"k{n}", group=f"g{n}", title=f"Rule {n} fires", severity=Severity.CRITICAL)
        for n in range(200)
    ]
    calm = [
        replace(storm(1), key=f"c{n}", group=f"c{n}", title=f"Calm {n}", severity=Severity.WARNING)
        for n in range(30)
    ]
    message = compose_digest("digest/1", "digest", [*calm, *critical])
    blocks = render_blocks(message)
    assert len(blocks) <= 50
    assert all(len(block["text"]["text"]) <= SECTION_LIMIT for block in blocks if block["type"] == "section")
    for text in (json.dumps(blocks), render_text(message), render_html(message)):
        assert set(map(int, re.findall(r"Rule (\d+) fires", text))) == set(range(200))
        assert "and 30 more findings of 30 more alerts; all that fires: forewarn alerts list" in text
    subjects = {finding.subject for finding in critical[0].findings}
    lines = render_text(message).splitlines()
    assert {line for line in lines if "Rule 199 " in line} == {
        f"  Rule 199 fires (firing): {subject}" for subject in subjects
    }


def test_more_critical_alerts_than_slack_shows_are_counted_and_the_place_to_see_them_is_said() -> None:
    title = "A rule with a long name " * 4
    many = [
        replace(storm(12), key=f"k{n}", group=f"g{n}", title=f"{title}{n}", severity=Severity.CRITICAL)
        for n in range(200)
    ]
    blocks = render_blocks(compose_digest("digest/1", "digest", many))
    assert len(blocks) <= 50
    assert re.search(
        r"and [\d,]+ more critical ones; all that fires: forewarn alerts list", json.dumps(blocks)
    )
