"""Slack's settings: an incoming webhook, or a bot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field, SecretStr, model_validator

from alerts.button import Role
from alerts.channels.channel import Channel, Pace
from alerts.channels.host import safe_host
from alerts.channels.kind import LONGEST_TIMEOUT_S, ChannelKind, ChannelSection

WEBHOOK_URL: Final = "slack_webhook_url"
BOT_TOKEN: Final = "slack_bot_token"  # noqa: S105 - a secret's name
APP_TOKEN: Final = "slack_app_token"  # noqa: S105 - a secret's name

SLACK_PACE: Final = Pace(per_s=1.0 / 1.05)
"""One message every 1.05 s: Slack allows one a second, and its clock is not ours."""

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{6,20}")
_USER = re.compile(r"[UW][A-Z0-9]{6,20}|\*")


class SlackMode(StrEnum):
    """How Slack is spoken to."""

    WEBHOOK = "webhook"
    BOT = "bot"


class SlackSettings(ChannelSection):
    """Slack, in one of two modes; all but `mode` and `timeout_seconds` count in bot mode only.

    Attributes:
        mode: An incoming webhook, or a bot.
        channel: The channel's ID.
        buttons: Whether messages carry buttons; they need `roles`.
        roles: Who may press them: a member's ID, or `*` for everybody in the channel, and what they may do.
        api_url: Where Slack's methods are, as for GovSlack.
        timeout_seconds: How long to wait for Slack.
    """

    mode: SlackMode = SlackMode.WEBHOOK
    channel: str = ""
    buttons: bool = False
    roles: dict[str, tuple[Role, ...]] = Field(default_factory=dict)
    api_url: str = "https://slack.com/api/"
    timeout_seconds: float = Field(10.0, gt=0, le=LONGEST_TIMEOUT_S)

    @model_validator(mode="after")
    def _a_bot_needs_a_channel(self) -> SlackSettings:
        if not safe_host(self.api_url):
            raise ValueError(f"api_url = {self.api_url!r}: write it as https://slack.com/api/")
        if not self.enabled or self.mode is not SlackMode.BOT:
            return self
        if not _CHANNEL.fullmatch(self.channel):
            raise ValueError(
                f'channel = {self.channel!r}: mode = "bot" needs the channel\'s ID, as "C0123456789" '
                "(in Slack: View channel details, at the bottom)"
            )
        if self.buttons and not self.roles:
            raise ValueError('buttons = true needs roles, as roles.U0123456789 = ["ack", "pause", "resume"]')
        for user in self.roles:
            if not _USER.fullmatch(user):
                raise ValueError(
                    f"roles.{user}: write a member's ID, as U0123456789 (in Slack: Profile, Copy member ID), "
                    'or "*" for everybody'
                )
        return self

    def secrets_needed(self) -> Mapping[str, str]:
        """Return the webhook's URL, or the bot's token and, with buttons, the app's."""
        if self.mode is SlackMode.WEBHOOK:
            return {WEBHOOK_URL: "is enabled"}
        buttons = {APP_TOKEN: "has buttons"} if self.buttons else {}
        return {BOT_TOKEN: 'has mode = "bot"', **buttons}


def _make(settings: SlackSettings, secrets: Mapping[str, SecretStr]) -> Channel:
    if settings.mode is SlackMode.BOT:
        from alerts.channels.slack_bot import SlackBotChannel  # noqa: PLC0415 - slow to import

        return SlackBotChannel(
            token=secrets[BOT_TOKEN],
            channel=settings.channel,
            timeout_s=settings.timeout_seconds,
            app_token=secrets.get(APP_TOKEN) if settings.buttons else None,
            api_url=settings.api_url,
        )
    from alerts.channels.slack_webhook import SlackWebhookChannel  # noqa: PLC0415 - slow to import

    return SlackWebhookChannel(url=secrets[WEBHOOK_URL], timeout_s=settings.timeout_seconds)


KIND = ChannelKind("slack", SlackSettings, _make, (WEBHOOK_URL, BOT_TOKEN, APP_TOKEN))
