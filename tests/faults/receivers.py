"""The receivers: Slack, a webhook and a mail server that fail now and then, and what arrived at each."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from alerts.channels.slack_search import TIMELINE
from tests.stand_ins.process import Dice
from tests.stand_ins.slack_api import Fault, SlackApiStandIn
from tests.stand_ins.smtp import SmtpStandIn
from tests.stand_ins.webhook import WebhookStandIn


@dataclass
class Receivers:
    """Three receivers on loopback ports, in this process.

    Attributes:
        errors: Share of requests refused with 500 (451 from the mail server).
        reply_loss: Share of messages taken whose reply is lost.
    """

    errors: float = 0.0
    reply_loss: float = 0.0
    seed: int = 7
    paced: bool = False
    slack: SlackApiStandIn = field(init=False)
    webhook: WebhookStandIn = field(init=False)
    smtp: SmtpStandIn = field(init=False)

    async def __aenter__(self) -> Self:
        self._dice = [Dice(self.errors, self.reply_loss, self.seed + n) for n in (1, 2)]
        self.slack = SlackApiStandIn(
            paced=self.paced, errors=self.errors, reply_loss=self.reply_loss, seed=self.seed
        )
        self.webhook = WebhookStandIn(dice=self._dice[0])
        self.smtp = SmtpStandIn(dice=self._dice[1])
        self._stack = AsyncExitStack()
        for stand_in in (self.slack, self.webhook, self.smtp):
            await self._stack.enter_async_context(stand_in)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def heal(self) -> None:
        """Break nothing any more."""
        self.slack.errors = self.slack.reply_loss = 0.0
        for dice in self._dice:
            dice.errors = dice.reply_loss = 0.0

    def places(self) -> dict[str, Any]:
        """Return where they are, as a worker's spec says it."""
        return {"slack": self.slack.url, "webhook": self.webhook.url, "smtp": self.smtp.port}

    @property
    def slack_shows(self) -> set[str]:
        """Keys of the messages and names of the episodes that Slack shows."""
        shown = {post.key for post in self.slack.posts}
        return shown | {episode_name(payload_of(post)) for post in self.slack.top()}

    @property
    def slack_copies(self) -> int:
        """How many posts Slack shows that it had already."""
        living = Counter(episode_name(payload_of(post)) for post in self.slack.top())
        lines = Counter(post.key for post in self.slack.posts if post.kind == TIMELINE)
        return (living + lines).total() - len(living) - len(lines)

    @property
    def slack_replies_lost(self) -> int:
        """How many replies Slack lost after acting."""
        return sum(call.ended == f"ok, {Fault.ACT_THEN_DROP}" for call in self.slack.calls)

    @property
    def mail_ids(self) -> Counter[str]:
        """How often a mail of each Message-ID was taken."""
        return Counter(str(taken.mail["Message-ID"]) for taken in self.smtp.taken)


def payload_of(post: Any) -> dict[str, str]:  # noqa: ANN401 - a post with metadata
    """Return what a post says about itself."""
    payload: dict[str, str] = (post.metadata or {}).get("event_payload") or {}
    return payload


def episode_name(payload: dict[str, str]) -> str:
    """Return the name of an episode, or the key of a message that belongs to none."""
    episode = payload.get("episode", "")
    return f"{payload.get('group')} {episode}" if episode else payload.get("key", "")
