from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.message import Event, Finding, Message, Severity
from alerts.render_email import render_email
from alerts.render_html import render_html
from alerts.render_phrases import NOT_ASSESSED, headline, one_line
from alerts.render_slack import mrkdwn, render_blocks, render_fallback
from alerts.render_text import render_text
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import EVENTS, FIRING, GATE, RESOLVED, storm
from tests.stand_ins.slack_rules import faults

words = st.text(max_size=60) | st.sampled_from(
    [
        "<!channel>",
        "a & b",
        "*_~`",
        "x" * 4000,
        "&" * 700,
        "line\nfeed\r\n",
        "\x1b[31mred",
        "🟠" * 200,
        "\ud800",
    ]
)
findings = st.builds(
    Finding,
    subject=words,
    value=words,
    limit=words,
    samples=st.integers(0, 10**9),
    chance=words,
    since=words,
)
messages = st.builds(
    Message,
    key=words,
    group=words,
    event=st.sampled_from(Event),
    severity=st.sampled_from(Severity),
    title=words,
    session=words,
    findings=st.lists(findings, max_size=15).map(tuple),
    done=words,
    runbook=words,
)

HOSTILE = replace(
    FIRING,
    title="<script>alert(1)</script> & <!channel>",
    done='<img src=x onerror="x">',
    runbook="<a href='http://evil.example'>click</a>",
    findings=(replace(FIRING.findings[0], subject="<b>`bold`</b>"),),
)


class _Tags(HTMLParser):
    """Collects the tags, the attributes and the text of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class TestText:
    @pytest.mark.parametrize("event", EVENTS)
    def test_it_reads_as_when_it_was_last_read(self, event: str) -> None:
        assert_golden(f"text_{event}", render_text(EVENTS[event]))

    def test_a_storm_lists_the_worst_and_counts_the_rest(self) -> None:
        text = render_text(storm(60), findings=10)
        assert "feature_009" in text
        assert "feature_010" not in text
        assert "and 50 more, none of them worse" in text
        assert "59 more findings follow" in text

    def test_what_was_done_about_trading_comes_before_the_numbers(self) -> None:
        text = render_text(FIRING)
        assert text.index("REDUCE_ONLY") < text.index("momentum_21") < text.index("What to do")

    def test_a_chance_that_nobody_assessed_is_named(self) -> None:
        (finding,) = (replace(FIRING.findings[0], chance=""),)
        assert f"How likely by chance: {NOT_ASSESSED}." in render_text(replace(FIRING, findings=(finding,)))

    def test_empty_parts_leave_no_holes(self) -> None:
        text = render_text(replace(FIRING, findings=(), done="", runbook=""))
        assert text.count("\n\n") == 1

    @settings(max_examples=60, deadline=None)
    @given(messages)
    def test_nothing_in_a_message_reaches_a_terminal_as_a_control(self, message: Message) -> None:
        assert all(char.isprintable() or char == "\n" for char in render_text(message))


class TestHtml:
    @pytest.mark.parametrize("message", [FIRING, RESOLVED, GATE, storm(60), HOSTILE], ids=lambda m: m.key)
    def test_it_is_well_formed_and_needs_nothing_from_outside(self, message: Message) -> None:
        parsed = _Tags(render_html(message))
        assert parsed.open == []
        assert not {"script", "img", "link", "style", "a", "b-"} & set(parsed.tags)
        assert not {"src", "href", "onerror", "class"} & parsed.attributes
        assert "url(" not in render_html(message)

    def test_what_comes_from_outside_is_shown_and_not_obeyed(self) -> None:
        text = _Tags(render_html(HOSTILE)).text
        for shown in (HOSTILE.title, HOSTILE.done, HOSTILE.runbook, HOSTILE.findings[0].subject):
            assert shown in text

    @pytest.mark.parametrize("message", EVENTS.values(), ids=EVENTS)
    def test_it_says_what_the_text_says(self, message: Message) -> None:
        text = _Tags(render_html(message)).text
        for finding in message.findings:
            assert finding.subject in text
            assert finding.since in text
            assert (finding.chance or f"chance {NOT_ASSESSED}") in text
        assert message.done in text
        assert message.title in text

    def test_a_storm_stays_below_what_readers_cut(self) -> None:
        html = render_html(storm(5000))
        assert len(html.encode()) < 100_000
        assert "and 4,950 more" in html

    @settings(max_examples=40, deadline=None)
    @given(messages)
    def test_any_message_is_well_formed(self, message: Message) -> None:
        assert _Tags(render_html(message)).open == []


class TestSlack:
    @pytest.mark.parametrize("event", EVENTS)
    def test_it_reads_as_when_it_was_last_read(self, event: str) -> None:
        blocks = json.dumps(render_blocks(EVENTS[event]), indent=1, ensure_ascii=False)
        assert_golden(f"slack_{event}", blocks + "\n")

    def test_what_was_done_about_trading_comes_right_below_the_title(self) -> None:
        header, done, *_ = render_blocks(FIRING)
        assert header["text"]["text"] == "🔴 Critical: Feature drift in 3 of 42 features"
        assert done["text"]["text"] == "*Trading is REDUCE_ONLY (epoch 7)*"

    def test_a_storm_lists_the_ten_worst_and_counts_the_rest(self) -> None:
        blocks = json.dumps(render_blocks(storm(60)))
        assert "feature_009" in blocks
        assert "feature_010" not in blocks
        assert "and 50 more, none of them worse" in blocks

    def test_nobody_is_mentioned_by_a_name_from_outside(self) -> None:
        sections = json.dumps(render_blocks(HOSTILE)[1:])
        assert "<" not in sections
        assert "`&lt;b&gt;'bold'&lt;/b&gt;`" in sections

    @settings(max_examples=150, deadline=None)
    @given(messages)
    def test_slack_would_take_any_message(self, message: Message) -> None:
        assert faults({"text": render_fallback(message), "blocks": render_blocks(message)}) == []

    @given(st.text(alphabet="&<>ab", max_size=80), st.integers(1, 60))
    def test_escaping_never_exceeds_the_limit_nor_cuts_an_entity(self, text: str, limit: int) -> None:
        escaped = mrkdwn(text, limit)
        assert len(escaped) <= limit
        plain = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert plain == text or text.startswith(plain.removesuffix("…"))


class TestEmail:
    @settings(max_examples=60, deadline=None)
    @given(messages)
    def test_any_message_makes_a_mail_without_forged_headers(self, message: Message) -> None:
        mail = render_email(
            message,
            sender="forewarn@example.org",
            recipients=["anna@example.org"],
            domain="example.org",
            sent_at=datetime(2026, 3, 12, tzinfo=UTC),
        )
        raw = mail.as_bytes()
        assert raw.isascii()
        expected = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"}
        known = expected | {"Auto-Submitted", "Importance", "MIME-Version", "Content-Type"}
        assert expected <= set(mail.keys()) <= known


class TestPhrases:
    def test_a_line_break_in_a_title_becomes_a_space(self) -> None:
        assert one_line(" a\r\nBcc:\teve\x1b[0m ") == "a Bcc: eve [0m"

    def test_a_long_title_is_cut_with_an_ellipsis(self) -> None:
        assert one_line("x" * 200, 150) == "x" * 149 + "…"

    @pytest.mark.parametrize(
        ("message", "label"),
        [(FIRING, "Critical"), (RESOLVED, "Resolved"), (GATE, "Gate"), (storm(1), "Warning")],
        ids=lambda value: value if isinstance(value, str) else value.key,
    )
    def test_the_headline_starts_with_the_kind_of_message(self, message: Message, label: str) -> None:
        assert headline(message) == f"{label}: {message.title}"
