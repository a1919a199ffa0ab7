"""Slack as a bot: one living message for each spell of an alert group, its thread the timeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import SecretStr

from alerts.channels.channel import DeliveryError, Found, Pace, PermanentError, Sighting
from alerts.channels.slack import SLACK_PACE
from alerts.channels.slack_search import LIVING, TIMELINE, SlackSearch, metadata_of
from alerts.channels.slack_web import API_URL, SlackRefusedError, SlackWeb
from alerts.message import Curve, Event, Message, Severity, Trading
from alerts.reason import Reason
from alerts.render_slack import mrkdwn, render_blocks, render_fallback, render_reply

CHARTS: Final = 4
"""Charts under way at once; beyond that an alert goes without."""

CHART_GRACE_S: Final = 2.0
"""Seconds a stop waits for charts under way."""

WHISPER_LIMIT: Final = 3000
"""Characters of a text for one person, and of a note."""

SCOPES: Final = {
    "chat:write": "to post",
    "files:write": "to upload charts",
    "channels:history|groups:history": "to find a message whose reply was lost",
    "channels:read|groups:read": "to check the channel",
}
"""What the bot's token must be allowed, each with why; `|` where one of several is enough."""

_log = logging.getLogger(__name__)

# The living message is gone or no longer ours to edit: the alert is posted anew.
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
# A revision told again because it was not heeded, or not heard.
_AGAIN = {
    Reason.REPEAT,
    Reason.ESCALATED,
    Reason.SILENCE_ENDED,
    Reason.INHIBITION_ENDED,
    Reason.RAISED,
    Reason.ROUTED,
}


class SlackBotChannel:
    """Keeps one message for each group and episode, edits it in place and answers in its thread.

    The reference of a message is `CHANNEL:TS` of the living one. A revision takes two steps, the edit and
    then the line in the thread. Edits may be repeated, lines may not: a line that is found in the thread
    proves both steps, one that is missing makes both be done, and nothing is shown twice.

    An edit notifies nobody. So a line that must be noticed, as an escalation or anything critical, is shown
    in the channel too. The chart is put into the thread by the way: without it the alert is still told.

    Args:
        token: The bot's token (`xoxb-...`).
        channel: The channel's ID, as `C0123456789`.
        timeout_s: How long one verb may take in all; the chart has as much again, by the way.
        app_token: The app's token (`xapp-...`), for `check` only; None where there are no buttons.
        api_url: Where Slack's methods are.
        proxy: URL of an HTTP proxy, or None. Variables such as HTTPS_PROXY are not read.
        now: The clock the buttons are drawn by, aware.
        draw: Makes a PNG of a curve; it runs in a thread. By default `alerts.render_chart.render_chart`.
        name: Under which the configuration and the outbox know the channel.

    Raises:
        ValueError: A setting cannot be used.
    """

    def __init__(
        self,
        *,
        token: SecretStr,
        channel: str,
        timeout_s: float = 10.0,
        app_token: SecretStr | None = None,
        api_url: str = API_URL,
        proxy: SecretStr | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw: Callable[[Curve], bytes] | None = None,
        name: str = "slack",
    ) -> None:
        self._name = name
        self._channel = channel
        self._timeout_s = timeout_s
        self._web = SlackWeb(token, timeout_s=timeout_s, api_url=api_url, proxy=proxy, name=name)
        self._app = (
            SlackWeb(app_token, timeout_s=timeout_s, api_url=api_url, proxy=proxy, name=name)
            if app_token
            else None
        )
        self._now = now
        self._draw = draw or _draw
        self._buttons = app_token is not None
        self._charts: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"SlackBotChannel(name={self._name!r}, channel={self._channel!r})"

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    @property
    def pace(self) -> Pace:
        """One message a second, as Slack allows for one channel, and a little slower, for clocks differ."""
        return SLACK_PACE

    @property
    def edits(self) -> bool:
        """Yes: the living message is edited."""
        return True

    async def send(self, message: Message, *, living: str = "") -> str:
        """Post the message, or edit the living one and add a line to its thread.

        Returns:
            The living message's reference; a new one where the old message was deleted.

        Raises:
            TransientError: Slack demonstrably did not take it, or doing it all again is harmless.
            PermanentError: Slack refuses; the text says what to do.
            UnknownOutcomeError: The reply to a post was lost.
        """
        web = self._in_time()
        thread = self._thread(living)
        if not thread or not await self._edit(web, message, thread):
            thread = await self._post(web, message)
            self._start_chart(message, thread)
        else:
            await self._line(web, message, thread)
            if message.event is Event.RESOLVED:
                self._start_chart(message, thread)
        return self._reference(thread)

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Ask Slack whether a message arrived: as a line of the living one's thread, or as a post.

        Where it has not arrived but another revision of its episode stands in the channel, the answer is
        `ABSENT` with that one's reference: it is the message to edit.

        Raises:
            TransientError: Slack cannot be asked now.
            PermanentError: Slack refuses to be asked, as without the right to read the channel.
        """
        search = SlackSearch(self._in_time(), self._channel, message)
        found = await search.find(self._thread(living))
        if found.sighting is Sighting.ARRIVED or found.reference:
            return Found(found.sighting, self._reference(found.reference))
        return Found(found.sighting, living)

    async def check(self) -> None:
        """Ask Slack whether the token is good, has its scopes and reaches the channel, without posting.

        Raises:
            TransientError: Slack cannot be asked now.
            PermanentError: Something is wrong with the token, the app or the channel; the text says what.
        """
        web = self._in_time()
        if scopes := await web.scopes():
            missing = [
                f"{scope.replace('|', ' or ')} ({why})"
                for scope, why in SCOPES.items()
                if scopes.isdisjoint(scope.split("|"))
            ]
            if missing:
                raise PermanentError(
                    f"{self._name}: the bot's token has no {', '.join(missing)}; add it under "
                    "OAuth & Permissions and install the app again"
                )
        info = (await web.ask("conversations.info", channel=self._channel)).get("channel", {})
        where = f"{self._name}: channel {self._channel}"
        if info.get("is_archived"):
            raise PermanentError(
                f"{where} is archived; unarchive it or name another in channels.slack.channel"
            )
        if not info.get("is_member", True):
            raise PermanentError(
                f"{where}: the bot is not in it; invite it: /invite @forewarn in the channel"
            )
        if self._app:
            await self._app.do("apps.connections.open", repeatable=True)

    async def redraw(self, message: Message, living: str, trading: Trading | None) -> None:
        """Show the message again with today's gate and fresh buttons; add nothing to its thread.

        Raises:
            DeliveryError: Slack did not take the edit.
        """
        if thread := self._thread(living):
            shown = replace(message, trading=trading if message.trading else None)
            await self._edit(self._in_time(), shown, thread)

    async def whisper(self, user: str, text: str) -> None:
        """Tell one person something that only they see.

        Raises:
            DeliveryError: Slack did not take it.
        """
        await self._in_time().do(
            "chat.postEphemeral", channel=self._channel, user=user, text=mrkdwn(text, WHISPER_LIMIT)
        )

    async def note(self, text: str, living: str) -> None:
        """Add a line that is no revision to the living message's thread, as who acknowledged it.

        Raises:
            DeliveryError: Slack did not take it, or nobody knows.
        """
        await self._in_time().do(
            "chat.postMessage",
            channel=self._channel,
            thread_ts=self._thread(living),
            text=mrkdwn(text, WHISPER_LIMIT),
            unfurl_links=False,
            unfurl_media=False,
        )

    async def aclose(self) -> None:
        """Wait a moment for charts under way, then drop them."""
        if self._charts:
            await asyncio.wait(self._charts, timeout=CHART_GRACE_S)
        for task in tuple(self._charts):
            task.cancel()
        await asyncio.gather(*self._charts, return_exceptions=True)

    def _in_time(self) -> SlackWeb:
        return self._web.until(asyncio.get_running_loop().time() + self._timeout_s)

    def _reference(self, ts: str) -> str:
        return f"{self._channel}:{ts}"

    def _thread(self, living: str) -> str:
        """Return the living message's timestamp; "" for none, or one of another channel."""
        channel, _, ts = living.partition(":")
        return ts if channel == self._channel else ""

    def _body(self, message: Message) -> dict[str, Any]:
        return {
            "channel": self._channel,
            "text": render_fallback(message),
            "blocks": render_blocks(message, drawn_at=self._now() if self._buttons else None),
            "metadata": metadata_of(LIVING, message),
        }

    async def _post(self, web: SlackWeb, message: Message) -> str:
        quiet = {"unfurl_links": False, "unfurl_media": False}
        reply = await web.do("chat.postMessage", **self._body(message), **quiet)
        return str(reply.get("ts", ""))

    async def _edit(self, web: SlackWeb, message: Message, ts: str) -> bool:
        """Show the message in place; False where the one to edit is gone."""
        try:
            await web.do("chat.update", repeatable=True, ts=ts, **self._body(message))
        except SlackRefusedError as error:
            if error.word in _GONE:
                return False
            raise
        return True

    async def _line(self, web: SlackWeb, message: Message, thread: str) -> None:
        await web.do(
            "chat.postMessage",
            channel=self._channel,
            thread_ts=thread,
            reply_broadcast=_must_be_noticed(message),
            text=render_reply(message),
            metadata=metadata_of(TIMELINE, message),
            unfurl_links=False,
            unfurl_media=False,
        )

    def _start_chart(self, message: Message, thread: str) -> None:
        if message.curve is None or not thread or len(self._charts) >= CHARTS:
            return
        task = asyncio.create_task(self._chart(message.curve, thread), name=f"{self._name} chart")
        self._charts.add(task)
        task.add_done_callback(self._charts.discard)

    async def _chart(self, curve: Curve, thread: str) -> None:
        """Draw the curve off the loop and upload it; whatever fails, the alert itself has been told."""
        try:
            async with asyncio.timeout(self._timeout_s):
                png = await asyncio.to_thread(self._draw, curve)
            await self._in_time().upload(
                png, channel=self._channel, thread=thread, title=curve.label, alt=f"Chart of {curve.label}"
            )
        except DeliveryError as error:
            _log.warning("%s: a chart was left out: %s", self._name, error)
        except Exception as error:  # a drawing library's own; never its text, which may hold anything
            _log.warning("%s: a chart was left out: %s", self._name, type(error).__name__)


def _must_be_noticed(message: Message) -> bool:
    if message.event is Event.RESOLVED:
        return False
    return message.severity is Severity.CRITICAL or message.reason in _AGAIN


def _draw(curve: Curve) -> bytes:
    from alerts.render_chart import render_chart  # noqa: PLC0415 - it loads matplotlib when it draws

    return render_chart(curve)
