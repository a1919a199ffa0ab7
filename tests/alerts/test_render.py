from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.message import Event, Finding, Message, Severity, Trading
from alerts.reason import Reason
from alerts.render_email import render_email
from alerts.render_html import render_html
from alerts.render_phrases import (
    NOT_ASSESSED,
    chance,
    evidence,
    headline,
    one_line,
    told_at,
    trading,
    why,
)
from alerts.render_slack import mrkdwn, render_blocks, render_fallback
from alerts.render_text import render_text
from alerts.render_webhook import render_webhook
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import (
    EVENTS,
    FIRING,
    GATE,
    NO_DATA,
    REMINDER,
    RESOLVED,
    digest,
    storm,
)
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
    about=words,
)
gates = st.builds(Trading, state=words, epoch=st.integers(0, 10**6), latched=st.booleans())
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
    episode=words,
    reason=words | st.sampled_from([reason.value for reason in Reason]),
    at=words,
    others=st.integers(0, 10**6),
    trading=st.none() | gates,
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
        self.sources: list[str | None] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value for name, value in attrs if name == "src"]
        if tag not in ("meta", "img"):
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

    @pytest.mark.parametrize(
        ("measured", "words", "short"),
        [
            ("", NOT_ASSESSED, f"chance {NOT_ASSESSED}"),
            ("fires 0.13 times a year", "the rule fires 0.13 times a year", "by chance the rule fires 0.13"),
        ],
    )
    def test_without_a_test_of_chance_every_form_says_how_often_the_rule_fires_so(
        self, measured: str, words: str, short: str
    ) -> None:
        message = replace(FIRING, findings=(replace(FIRING.findings[0], chance="", false_alarms=measured),))
        assert f"How likely by chance: {words}." in render_text(message)
        assert f"How likely by chance: {words}." in render_webhook(message)["data"]["text"]
        assert f"*How likely by chance*\\n{words}" in json.dumps(render_blocks(message))
        assert short in _Tags(render_html(message)).text
        assert short in evidence(message.findings[0])

    def test_empty_parts_leave_no_holes(self) -> None:
        text = render_text(replace(FIRING, findings=(), done="", runbook="", trading=None))
        assert text.count("\n\n") == 1

    def test_alerts_that_the_findings_leave_out_are_counted(self) -> None:
        text = render_text(REMINDER)
        assert "50 more findings." in text
        assert "and 48 more, none of them worse; all of them: forewarn alerts show feature_drift" in text

    def test_only_where_findings_are_alerts_of_the_group_it_says_where_the_others_stand(self) -> None:
        quoted = render_text(replace(REMINDER, group="my group"))
        assert "forewarn alerts show 'my group'" in quoted
        words = replace(REMINDER, findings=(Finding("email", "refused", "", 0, "", "2026-03-11"),))
        assert "and 48 more, none of them worse\n" in render_text(words)

    def test_the_last_known_value_of_what_cannot_be_judged_is_told_as_such(self) -> None:
        told = "volume_z_5 could not be judged, since 2026-03-20; its last known value is 0.12 (limit > 0.2)"
        assert told in " ".join(render_text(NO_DATA).split())

    def test_what_is_told_in_words_is_no_measurement(self) -> None:
        trouble = Finding("email", "refused the login with 535", "", 0, "", "2026-03-11 09:00 UTC")
        text = render_text(replace(FIRING, findings=(trouble,)))
        assert "email: refused the login with 535, since 2026-03-11 09:00 UTC." in " ".join(text.split())
        assert "samples." not in text
        assert NOT_ASSESSED not in text

    @pytest.mark.parametrize("value", ["", "nan", "nan%"])
    def test_a_value_that_was_never_known_is_not_called_the_last(self, value: str) -> None:
        finding = replace(NO_DATA.findings[0], value=value, samples=0)
        text = render_text(replace(NO_DATA, findings=(finding,)))
        assert "last known" not in text
        assert "nan" not in text

    @settings(max_examples=60, deadline=None)
    @given(messages)
    def test_nothing_in_a_message_reaches_a_terminal_as_a_control(self, message: Message) -> None:
        assert all(char.isprintable() or char == "\n" for char in render_text(message))


class TestHtml:
    @pytest.mark.parametrize("event", EVENTS)
    def test_it_reads_as_when_it_was_last_read(self, event: str) -> None:
        assert_golden(f"html_{event}", render_html(EVENTS[event]), "html")

    def test_the_chart_is_the_only_picture_and_part_of_the_mail(self) -> None:
        parsed = _Tags(render_html(FIRING, chart="cid:chart.1@example.org"))
        assert parsed.tags.count("img") == 1
        assert parsed.sources == ["cid:chart.1@example.org"]

    def test_a_message_without_a_curve_has_no_picture(self) -> None:
        assert "img" not in _Tags(render_html(GATE, chart="cid:chart.1@example.org")).tags

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

    @pytest.mark.parametrize(
        "message", [EVENTS[name] for name in EVENTS if name != "digest"], ids=lambda m: m.key
    )
    def test_it_says_what_the_text_says(self, message: Message) -> None:
        text = _Tags(render_html(message)).text
        for finding in message.findings:
            assert finding.subject in text
            assert finding.since in text
            assert chance(finding) in text
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
        assert header["text"]["text"] == "🔴 Critical: Feature drift in 3 of 42 features · 3 firing"
        assert done["text"]["text"].startswith("*Trading went from ACTIVE to REDUCE_ONLY (epoch 7).")

    def test_a_storm_lists_the_ten_worst_and_counts_the_rest(self) -> None:
        blocks = json.dumps(render_blocks(storm(60)))
        assert "feature_009" in blocks
        assert "feature_010" not in blocks
        assert "and 50 more, none of them worse; all of them: forewarn alerts show feature_drift" in blocks

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

    @pytest.mark.parametrize(
        ("done", "gate", "told"),
        [
            ("", None, ""),
            (
                "Trading stays ACTIVE (epoch 3).",
                Trading("ACTIVE", 3, False),
                "Trading stays ACTIVE (epoch 3).",
            ),
            ("", Trading("ACTIVE", 3, False), "Trading is ACTIVE (epoch 3)."),
            (
                "Trading is ACTIVE (epoch 31)",
                Trading("HALTED", 3, True),
                "Trading is ACTIVE (epoch 31). Trading is HALTED (epoch 3). Only a person may resume it.",
            ),
            (
                "Trading stays REDUCE_ONLY, now until a person resumes it (epoch 9).",
                Trading("REDUCE_ONLY", 9, True),
                "Trading stays REDUCE_ONLY, now until a person resumes it (epoch 9).",
            ),
        ],
    )
    def test_the_gate_is_told_once(self, done: str, gate: Trading | None, told: str) -> None:
        assert trading(replace(FIRING, done=done, trading=gate)) == told

    def test_only_a_reason_the_message_does_not_show_is_told(self) -> None:
        assert why(REMINDER) == "Told now because nobody has acknowledged it in time."
        assert [why(message) for message in (FIRING, RESOLVED, GATE, digest(3))] == ["", "", "", ""]
        assert why(replace(FIRING, reason="a word of tomorrow")) == ""

    @pytest.mark.parametrize(
        ("at", "told"),
        [
            ("2026-03-12T20:35:04+00:00", "2026-03-12 20:35 UTC"),
            ("2026-03-12T16:35:04-04:00", "2026-03-12 20:35 UTC"),
            ("2026-03-12T20:35:04", ""),
            ("yesterday", ""),
            ("", ""),
        ],
    )
    def test_an_instant_is_told_in_utc_or_not_at_all(self, at: str, told: str) -> None:
        assert told_at(replace(FIRING, at=at)) == told
