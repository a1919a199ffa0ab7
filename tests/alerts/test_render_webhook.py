"""The webhook's body: what a receiver may rely on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from alerts.message import Message
from alerts.render_webhook import VERSION, render_body, render_webhook
from tests.alerts.test_render import messages
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import EVENTS, FIRING


@pytest.mark.parametrize("event", EVENTS)
def test_it_reads_as_when_it_was_last_read(event: str) -> None:
    assert_golden(f"webhook_{event}", json.dumps(render_webhook(EVENTS[event]), indent=1) + "\n", "json")


def test_it_says_what_a_program_needs() -> None:
    body = render_webhook(FIRING)
    assert (body["version"], body["type"]) == (VERSION, "alert.firing")
    assert body["timestamp"] == "2026-03-12T20:35:04+00:00"
    data = body["data"]
    assert (data["key"], data["group"], data["episode"]) == (
        "feature_drift/17",
        "feature_drift",
        "2026-03-12",
    )
    assert data["trading"] == {"state": "REDUCE_ONLY", "epoch": 7, "latched": False}
    assert data["findings"][0]["samples"] == 252
    assert len(data["curve"]["values"]) == len(data["curve"]["sessions"]) == 120
    assert "What to do" in data["text"]


@settings(max_examples=60, deadline=None)
@given(messages)
def test_any_message_is_the_same_ascii_each_time(message: Message) -> None:
    body = render_body(message)
    assert body.isascii()
    assert body == render_body(message)
    assert json.loads(body)["data"]["group"] == message.group
