"""A Slack workspace: what it keeps and what its methods answer, by Slack's rules, without the web."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from tests.stand_ins.slack_rules import faults

BOT_TOKEN = "xoxb-1-botsecret"
APP_TOKEN = "xapp-1-appsecret"
CHANNEL = "C0ALERTS01"
SCOPES = "chat:write,files:write,channels:history,channels:read"
CHART_LIMIT = 5_000_000  # bytes of an upload that are kept

Json = dict[str, Any]


@dataclass
class Post:
    """A message Slack keeps."""

    ts: str
    channel: str
    text: str
    blocks: list[Json]
    metadata: Json | None
    thread_ts: str = ""
    broadcast: bool = False
    edits: int = 0

    @property
    def key(self) -> str:
        return str(((self.metadata or {}).get("event_payload") or {}).get("key", ""))

    @property
    def kind(self) -> str:
        return str((self.metadata or {}).get("event_type", ""))


@dataclass
class Upload:
    """A file on its way: first its address is asked for, then its bytes come, then it is shared."""

    id: str
    filename: str
    length: int
    body: bytes = b""
    channel: str = ""
    thread_ts: str = ""
    title: str = ""


@dataclass
class SlackWorkspace:
    """Keeps messages, whispers and files.

    Attributes:
        scopes: What the bot's token may do.
        channels: Channel IDs with `is_member` and `is_archived`.
        posts: Messages, oldest first.
        whispers: Messages that one person saw.
        uploads: Files that were shared.
        refusals: What was wrong with the messages that were refused.
    """

    scopes: str = SCOPES
    channels: dict[str, Json] = field(
        default_factory=lambda: {CHANNEL: {"is_member": True, "is_archived": False}}
    )
    posts: list[Post] = field(default_factory=list)
    whispers: list[Json] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    refusals: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun: dict[str, Upload] = {}
        self._last_ts = 0

    def top(self) -> list[Post]:
        """Return the messages of the channel, oldest first."""
        return [post for post in self.posts if not post.thread_ts]

    def replies(self, thread: str) -> list[Post]:
        """Return the lines of a thread, oldest first."""
        return [post for post in self.posts if post.thread_ts == thread]

    def delete(self, ts: str) -> None:
        """Delete a message, as a person does."""
        self.posts = [post for post in self.posts if post.ts != ts]

    def _lacks(self, *scopes: str) -> Json | None:
        if set(self.scopes.split(",")).isdisjoint(scopes):
            return {**refuse("missing_scope"), "needed": scopes[0], "provided": self.scopes}
        return None

    def _closed(self, channel: str, *, member: bool = True) -> Json | None:
        found = self.channels.get(channel)
        if found is None:
            return refuse("channel_not_found")
        if found["is_archived"]:
            return refuse("is_archived")
        return refuse("not_in_channel") if member and not found["is_member"] else None

    def _next_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _auth_test(self, _: Json) -> Json:
        return {
            "ok": True,
            "user_id": "U0BOT",
            "bot_id": "B0BOT",
            "team": "T0",
            "url": "https://t.slack.com/",
        }

    def _conversations_info(self, arguments: Json) -> Json:
        if refused := self._lacks("channels:read", "groups:read"):
            return refused
        channel = str(arguments.get("channel"))
        if channel not in self.channels:
            return refuse("channel_not_found")
        return {"ok": True, "channel": {"id": channel, "name": "alerts", **self.channels[channel]}}

    def _chat_postMessage(self, arguments: Json) -> Json:  # noqa: N802 -- Slack's name
        channel, thread = str(arguments.get("channel")), str(arguments.get("thread_ts") or "")
        if refused := self._lacks("chat:write") or self._closed(channel) or self._unfit(arguments):
            return refused
        if thread and not any(post.ts == thread for post in self.top()):
            return refuse("thread_not_found")
        post = Post(
            self._next_ts(),
            channel,
            str(arguments.get("text", "")),
            arguments.get("blocks") or [],
            arguments.get("metadata"),
            thread,
            bool(arguments.get("reply_broadcast")),
        )
        self.posts.append(post)
        return {"ok": True, "channel": channel, "ts": post.ts, "message": {"text": post.text}}

    def _chat_update(self, arguments: Json) -> Json:
        channel, ts = str(arguments.get("channel")), str(arguments.get("ts"))
        if refused := self._lacks("chat:write") or self._closed(channel) or self._unfit(arguments):
            return refused
        for post in self.posts:
            if (post.channel, post.ts) == (channel, ts):
                post.text, post.blocks = str(arguments.get("text", "")), arguments.get("blocks") or []
                post.metadata = arguments.get("metadata", post.metadata)
                post.edits += 1
                return {"ok": True, "channel": channel, "ts": ts, "text": post.text}
        return refuse("message_not_found")

    def _chat_postEphemeral(self, arguments: Json) -> Json:  # noqa: N802 -- Slack's name
        if refused := self._lacks("chat:write") or self._closed(str(arguments.get("channel"))):
            return refused
        if found := faults(arguments):
            return self._invalid(found)
        self.whispers.append(arguments)
        return {"ok": True, "message_ts": self._next_ts()}

    def _unfit(self, arguments: Json) -> Json | None:
        found = faults(arguments)
        return self._invalid(found) if found else None

    def _invalid(self, found: list[str]) -> Json:
        self.refusals.append(found)
        return {**refuse("invalid_blocks"), "response_metadata": {"messages": found}}

    def _conversations_history(self, arguments: Json) -> Json:
        channel = str(arguments.get("channel"))
        if refused := self._lacks("channels:history", "groups:history") or self._closed(channel):
            return refused
        shown = [post for post in self.posts if not post.thread_ts or post.broadcast]
        return _page([post for post in reversed(shown) if post.channel == channel], arguments)

    def _conversations_replies(self, arguments: Json) -> Json:
        channel, thread = str(arguments.get("channel")), str(arguments.get("ts"))
        if refused := self._lacks("channels:history", "groups:history") or self._closed(channel):
            return refused
        found = [post for post in self.posts if thread in {post.ts, post.thread_ts}]
        if not any(post.ts == thread for post in found):
            return refuse("thread_not_found")
        return _page(found, arguments)

    def _files_completeUploadExternal(self, arguments: Json) -> Json:  # noqa: N802 -- Slack's name
        if refused := self._lacks("files:write") or self._closed(str(arguments.get("channel_id"))):
            return refused
        wanted = arguments.get("files")
        named = json.loads(wanted) if isinstance(wanted, str) else wanted or []
        shared = []
        for one in named:
            upload = self._begun.pop(str(one.get("id")), None)
            if upload is None or not upload.body:
                return refuse("file_not_found")
            upload.channel = str(arguments["channel_id"])
            upload.thread_ts = str(arguments.get("thread_ts") or "")
            upload.title = str(one.get("title", ""))
            self.uploads.append(upload)
            shared.append({"id": upload.id, "title": upload.title})
        return {"ok": True, "files": shared}


def refuse(word: str) -> Json:
    """Return Slack's answer to what it does not do."""
    return {"ok": False, "error": word}


def _page(posts: list[Post], arguments: Json) -> Json:
    oldest, start = float(arguments.get("oldest") or 0), int(arguments.get("cursor") or 0)
    limit = min(int(arguments.get("limit") or 100), 999)
    within = [post for post in posts if float(post.ts) > oldest or (not post.thread_ts and "ts" in arguments)]
    shown = within[start : start + limit]
    more = start + limit < len(within)
    reveal = str(arguments.get("include_all_metadata", "0")).lower() in {"1", "true"}
    return {
        "ok": True,
        "messages": [_message(post, reveal=reveal) for post in shown],
        "has_more": more,
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }


def _message(post: Post, *, reveal: bool) -> Json:
    found: Json = {"type": "message", "user": "U0BOT", "ts": post.ts, "text": post.text}
    if post.thread_ts:
        found["thread_ts"] = post.thread_ts
    if post.metadata:
        kind = post.metadata["event_type"]
        found["metadata"] = post.metadata if reveal else {"event_type": kind}
    return found
