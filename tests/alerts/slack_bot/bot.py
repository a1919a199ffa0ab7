"""A bot's channel at a Slack that enforces Slack's rules, and messages of one group."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretStr

from alerts.channels.channel import (
    Sighting,
    TransientError,
    UnknownOutcomeError,
)
from alerts.channels.slack_bot import SlackBotChannel
from alerts.message import Curve, Message, Severity, Trading
from alerts.reason import Reason
from tests.stand_ins.messages import FIRING, RESOLVED
from tests.stand_ins.slack_api import SlackApiStandIn
from tests.stand_ins.slack_workspace import APP_TOKEN, BOT_TOKEN, CHANNEL, Post

SOON_S = 0.5  # a time-out that a test waits for
DRAWN = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
CURVE = Curve("psi of momentum_21", ("2026-03-11", "2026-03-12"), (0.1, 0.31), 0.2)

FIRST = replace(
    FIRING,
    key="feature_drift/1",
    episode="2026-03-10",
    reason=Reason.FIRST,
    trading=Trading("REDUCE_ONLY", 7, latched=False),
    severity=Severity.WARNING,
    curve=None,
)
SECOND = replace(
    FIRST, key="feature_drift/2", reason=Reason.NEW_IN_GROUP, title="Feature drift in 4 of 42 features"
)
THIRD = replace(
    RESOLVED,
    key="feature_drift/3",
    episode="2026-03-10",
    reason=Reason.RESOLVED,
    trading=Trading("ACTIVE", 8, latched=False),
)


class Bot:
    """Makes channels to the stand-in and closes them in the end."""

    def __init__(self, slack: SlackApiStandIn) -> None:
        self.slack = slack
        self.made: list[SlackBotChannel] = []

    def __call__(
        self,
        *,
        timeout_s: float = 10.0,
        token: str = BOT_TOKEN,
        app_token: str | None = APP_TOKEN,
        url: str | None = None,
        channel: str = CHANNEL,
        draw: Callable[[Curve], bytes] = lambda _: b"PNG",
    ) -> SlackBotChannel:
        made = SlackBotChannel(
            token=SecretStr(token),
            channel=channel,
            timeout_s=timeout_s,
            app_token=SecretStr(app_token) if app_token else None,
            api_url=url or self.slack.url,
            now=lambda: DRAWN,
            draw=draw,
        )
        self.made.append(made)
        return made


def verbs(post: Post) -> list[str]:
    actions = [block for block in post.blocks if block["type"] == "actions"]
    return [json.loads(button["value"])["verb"] for block in actions for button in block["elements"]]


def title(post: Post) -> str:
    text: str = post.blocks[0]["text"]["text"]
    return text


async def deliver(channel: SlackBotChannel, message: Message, *, living: str = "") -> str:
    """Do what delivery does when an outcome is unknown: ask first, and send again only what is absent."""
    try:
        return await channel.send(message, living=living)
    except TransientError:
        return await channel.send(message, living=living)
    except UnknownOutcomeError:
        found = await channel.find(message, living=living)
        if found.sighting is Sighting.ARRIVED:
            return found.reference
        return await channel.send(message, living=found.reference or living)


def replace_post(post: Post, ts: str) -> Post:
    return Post(ts, post.channel, "lunch?", [], None)
