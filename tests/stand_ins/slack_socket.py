"""A stand-in for Slack's Socket Mode: says hello, sends envelopes, wants each acknowledged in 3 seconds."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

ACK_WITHIN_S = 3.0
_presses = itertools.count(1)


@dataclass
class Envelope:
    """One delivery of an interaction.

    Attributes:
        acked_after_s: Seconds to the acknowledgement; None while there is none.
        retry: 0 for the first delivery.
    """

    id: str
    sent_at: float
    retry: int = 0
    acked_after_s: float | None = None

    @property
    def in_time(self) -> bool:
        return self.acked_after_s is not None and self.acked_after_s <= ACK_WITHIN_S


def interaction(
    action: dict[str, Any],
    *,
    channel: str,
    message_ts: str,
    user: str = "U0000ANNA",
    username: str = "anna",
) -> dict[str, Any]:
    """Return the payload of one press of a button; each call is another press.

    Args:
        action: The button as the message shows it.
        channel: Where the message is.
        message_ts: Its timestamp.
        user: Who presses.
        username: Their handle.
    """
    number = f"{next(_presses)}.{time.time_ns()}"
    return {
        "type": "block_actions",
        "trigger_id": number,
        "user": {"id": user, "username": username, "team_id": "T0"},
        "api_app_id": "A0",
        "channel": {"id": channel, "name": "alerts"},
        "container": {"type": "message", "message_ts": message_ts, "channel_id": channel},
        "actions": [{**action, "action_ts": number}],
    }


class SlackSocketStandIn:
    """Serves one websocket a ticket and keeps every envelope."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.connections = 0
        self.connected = asyncio.Event()
        self.says_hello = True
        self._tickets: set[str] = set()
        self._numbers = itertools.count(1)
        self._sockets: list[web.WebSocketResponse] = []
        self._acked = asyncio.Condition()

    def new_ticket(self) -> str:
        """Return what one websocket may be opened with."""
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Speak Socket Mode on one websocket until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self._sockets.append(socket)
        self.connections += 1
        if self.says_hello:
            hello = {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0"}}
            await socket.send_json(hello)
            self.connected.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._take(json.loads(message.data))
        self._sockets.remove(socket)
        if not self._sockets:
            self.connected.clear()
        return socket

    async def press(self, payload: dict[str, Any]) -> Envelope:
        """Deliver an interaction, again while it is not acknowledged in time, three times at most.

        Returns:
            The last delivery.
        """
        for retry in range(3):
            envelope = await self.deliver(payload, retry=retry)
            if envelope.in_time:
                break
        return envelope

    async def deliver(
        self, payload: dict[str, Any], *, kind: str = "interactive", retry: int = 0
    ) -> Envelope:
        """Send one envelope and wait for its acknowledgement, no longer than Slack does."""
        await self.connected.wait()
        envelope = Envelope(f"envelope-{next(self._numbers)}", time.monotonic(), retry)
        self.envelopes.append(envelope)
        await self._sockets[-1].send_json(
            {
                "type": kind,
                "envelope_id": envelope.id,
                "accepts_response_payload": False,
                "retry_attempt": retry,
                "retry_reason": "timeout" if retry else "",
                "payload": payload,
            }
        )
        try:
            async with asyncio.timeout(ACK_WITHIN_S), self._acked:
                await self._acked.wait_for(lambda: envelope.acked_after_s is not None)
        except TimeoutError:
            pass
        return envelope

    async def refresh(self) -> None:
        """Ask the client to connect anew, as Slack does every few hours."""
        for socket in tuple(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    async def say(self, text: str) -> None:
        """Send any text."""
        await self._sockets[-1].send_str(text)

    async def close_all(self) -> None:
        """Close every websocket at once."""
        self.connected.clear()
        for socket in tuple(self._sockets):
            await socket.close()

    async def _take(self, reply: dict[str, Any]) -> None:
        async with self._acked:
            for envelope in self.envelopes:
                if envelope.id == reply.get("envelope_id") and envelope.acked_after_s is None:
                    envelope.acked_after_s = time.monotonic() - envelope.sent_at
            self._acked.notify_all()
