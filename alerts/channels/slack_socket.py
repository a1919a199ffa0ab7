"""Slack's Socket Mode: presses of buttons come in over a websocket that Forewarn opens itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from alerts.channels.channel import PermanentError, TransientError
from alerts.channels.host import is_loopback
from alerts.channels.slack_web import API_URL, SlackWeb
from alerts.render_slack import ACTION_PREFIX

PING_S: Final = 10.0
"""Seconds between two pings; without an answer within half of it the connection counts as lost."""

LARGEST: Final = 1 << 20
"""Bytes of one envelope."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of one button, as Slack tells it.

    Attributes:
        user: The member's ID: who pressed.
        handle: Their name, for people to read; anybody may change their own.
        reference: The message the button stands under, as `CHANNEL:TS`.
        value: What the button carries.
        interaction: Slack's own number of the press; the same again is the same press.
    """

    user: str
    handle: str
    reference: str
    value: str
    interaction: str


class SlackSocket:
    """Holds one websocket to Slack at a time.

    An envelope is acknowledged when it comes, before anything is done about it: Slack waits three seconds
    and then shows the person an error. The SDK's own client is not used: it reconnects every five seconds,
    whatever the reason, and tells nobody why.

    Args:
        app_token: The app's token (`xapp-...`) with `connections:write`.
        timeout_s: How long connecting may take, and the first word after it.
        api_url: Where Slack's methods are.
        name: What errors call it.

    Raises:
        ValueError: A setting cannot be used.
    """

    def __init__(
        self,
        app_token: SecretStr,
        *,
        timeout_s: float = 10.0,
        api_url: str = API_URL,
        name: str = "slack buttons",
    ) -> None:
        self._web = SlackWeb(app_token, timeout_s=timeout_s, api_url=api_url, name=name)
        self._timeout_s = timeout_s
        self._name = name

    async def listen(self, pressed: Callable[[Press], None], connected: Callable[[], None]) -> None:
        """Connect once and hand over every press, until Slack asks to connect anew.

        Args:
            pressed: Takes a press; it must return at once.
            connected: Called when Slack has said hello.

        Raises:
            TransientError: The connection could not be made, or was lost.
            PermanentError: Slack refuses the token, or Socket Mode is off.
        """
        url = await self._open()
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                async with asyncio.timeout(self._timeout_s):
                    socket = await session.ws_connect(
                        url,
                        heartbeat=PING_S,
                        max_msg_size=LARGEST,
                        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                    )
                async with socket:
                    # Slack's first word is its hello; where it never comes, the connection does not work.
                    frame = await socket.receive(self._timeout_s)
                    while await self._take(socket, frame, pressed, connected):
                        frame = await socket.receive()
        except (aiohttp.ClientError, OSError) as error:
            # Never the error's own text: it may hold the websocket's address, which is a secret.
            raise TransientError(f"{self._name}: the connection was lost: {type(error).__name__}") from None

    async def _open(self) -> str:
        reply = await self._web.do("apps.connections.open", repeatable=True)
        url = str(reply.get("url", ""))
        try:
            parts = urlsplit(url)
            safe = parts.scheme == "wss" or (parts.scheme == "ws" and is_loopback(parts.hostname or ""))
        except ValueError:
            safe = False
        if not safe:
            raise PermanentError(f"{self._name}: Slack gave no address that encrypts")
        return url

    async def _take(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        frame: aiohttp.WSMessage,
        pressed: Callable[[Press], None],
        connected: Callable[[], None],
    ) -> bool:
        """Handle one frame; return whether to go on listening."""
        if frame.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
            raise TransientError(f"{self._name}: Slack closed the connection")
        if frame.type is aiohttp.WSMsgType.ERROR:
            raise TransientError(f"{self._name}: the connection was lost")
        if frame.type is not aiohttp.WSMsgType.TEXT:
            return True
        envelope = _read(frame.data)
        if isinstance(number := envelope.get("envelope_id"), str):
            await socket.send_json({"envelope_id": number})
        match envelope.get("type"):
            case "hello":
                connected()
            case "disconnect" if envelope.get("reason") == "link_disabled":
                raise PermanentError(
                    f"{self._name}: Socket Mode is off; turn it on in the app's settings, Socket Mode"
                )
            case "disconnect":
                return False
            case "interactive":
                for press in read_presses(envelope.get("payload")):
                    pressed(press)
        return True


def read_presses(payload: object) -> list[Press]:
    """Return the presses of Forewarn's buttons in an interaction; whatever else it is, is left out."""
    try:
        if not isinstance(payload, dict) or payload["type"] != "block_actions":
            return []
        where = payload["container"]
        reference = f"{where['channel_id']}:{where['message_ts']}"
        user, handle = payload["user"]["id"], payload["user"].get("username") or payload["user"].get("name")
        who = (str(user), str(handle or ""), reference)
        return [
            Press(*who, str(action.get("value", "")), _number(payload, action))
            for action in payload["actions"]
            if str(action["action_id"]).startswith(ACTION_PREFIX)
        ]
    except (KeyError, TypeError, AttributeError):
        return []


def _number(payload: dict[str, Any], action: dict[str, Any]) -> str:
    return f"{payload.get('trigger_id', '')}/{action['action_id']}/{action.get('action_ts', '')}"


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
