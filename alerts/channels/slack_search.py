"""Finding again what was posted in Slack: by the metadata that every message of Forewarn carries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alerts.channels.channel import Found, Sighting
from alerts.channels.slack_web import SlackRefusedError, SlackWeb
from alerts.message import Message

LIVING: Final = "forewarn_living"
"""The metadata's type of a living message; its key is the newest revision it shows."""

TIMELINE: Final = "forewarn_timeline"
"""The metadata's type of a line in the thread; its key is the revision it tells."""

PAGE: Final = 200
"""Messages Slack is asked for at once."""

PAGES: Final = 5
"""Pages read before a search gives up: a thousand newer messages."""

MARGIN: Final = timedelta(days=1)
"""How much earlier than its decision a message is looked for: clocks differ."""


class SlackSearch:
    """Looks for one message in one channel.

    Args:
        web: What to ask with; it ends in time.
        channel: The channel's ID.
        message: What to look for.
    """

    def __init__(self, web: SlackWeb, channel: str, message: Message) -> None:
        self._web = web
        self._channel = channel
        self._message = message

    async def find(self, thread: str) -> Found:
        """Look for the message as a line of a thread, then as a post of its own.

        Args:
            thread: The living message's timestamp, "" for none.

        Returns:
            With a timestamp as reference: of the living message it arrived in, or, where it is absent and no
            living message is known, of one of its episode; "" for none.

        Raises:
            DeliveryError: Slack cannot be asked.
        """
        found = Found(Sighting.ABSENT, thread)
        try:
            if thread:
                async for post in self._replies(thread):
                    if post.kind == TIMELINE and post.key == self._message.key:
                        return Found(Sighting.ARRIVED, thread)
            async for post in self._pages("conversations.history"):
                if post.kind != LIVING or post.ts == thread:
                    continue
                if post.key == self._message.key:
                    return Found(Sighting.ARRIVED, post.ts)
                if not found.reference and post.belongs_to(self._message):
                    found = Found(Sighting.ABSENT, post.ts)
        except _TooFarError:
            return Found(Sighting.UNKNOWABLE, thread)
        return found

    async def _replies(self, thread: str) -> AsyncIterator[_Post]:
        try:
            async for post in self._pages("conversations.replies", ts=thread):
                yield post
        except SlackRefusedError as error:
            if error.word not in {"thread_not_found", "message_not_found"}:
                raise

    async def _pages(self, method: str, **params: str) -> AsyncIterator[_Post]:
        """Yield the posts with metadata since the message was decided, page by page."""
        where = {"channel": self._channel, "include_all_metadata": True, "limit": PAGE, **params}
        if oldest := _oldest(self._message):
            where["oldest"] = oldest
        for _ in range(PAGES):
            reply = await self._web.ask(method, **where)
            for found in reply.get("messages", []):
                if (post := _read_post(found)) and post.is_of(self._message):
                    yield post
            cursor = (reply.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            where["cursor"] = cursor
        raise _TooFarError


def metadata_of(kind: str, message: Message) -> dict[str, Any]:
    """Return what a post carries so that it is found again."""
    payload = {"key": message.key, "group": message.group, "episode": message.episode}
    if message.store:
        payload["store"] = message.store
    return {"event_type": kind, "event_payload": payload}


class _TooFarError(Exception):
    """More has been posted since than a search reads."""


@dataclass(frozen=True, slots=True)
class _Post:
    ts: str
    kind: str
    key: str
    group: str
    episode: str
    store: str

    def is_of(self, message: Message) -> bool:
        """Tell whether it comes from the message's store; another daemon may post to the same channel."""
        return self.store == message.store

    def belongs_to(self, message: Message) -> bool:
        return bool(message.episode) and (self.group, self.episode) == (message.group, message.episode)


def _read_post(found: dict[str, Any]) -> _Post | None:
    metadata = found.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    if not payload:
        return None
    texts = (str(payload.get(name, "")) for name in ("key", "group", "episode", "store"))
    return _Post(str(found.get("ts", "")), str(metadata.get("event_type", "")), *texts)


def _oldest(message: Message) -> str:
    """Return the Slack timestamp before which the message cannot have been posted; "" where unknown."""
    try:
        at = datetime.fromisoformat(message.at)
    except ValueError:
        return ""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return f"{max((at - MARGIN).timestamp(), 0.0):.6f}"
