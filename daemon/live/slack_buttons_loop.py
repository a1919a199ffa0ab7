"""The loop behind Slack's buttons: stay connected, hand presses over, say how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from alerts.channels.channel import Channel, DeliveryError, PermanentError, TransientError
from alerts.channels.slack import APP_TOKEN, SlackSettings
from alerts.channels.slack_bot import SlackBotChannel
from alerts.channels.slack_socket import Press, SlackSocket
from daemon.clock import Clock
from daemon.configuration.settings import Settings
from daemon.delivery.channels import channel_levels
from daemon.live.health import Health
from daemon.live.slack_buttons import SlackButtons
from daemon.storage.database import Database

NAME: Final = "slack_buttons"
WAITING_PRESSES: Final = 100
PULSE_S: Final = 30.0
"""Seconds between two health stamps."""

log = structlog.get_logger(NAME)


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before connecting again, in seconds.

    Attributes:
        first_s: After the first failure; it doubles with each.
        longest_s: At the most.
        refused_s: Where Slack refuses for good: somebody has to change something first.
        steady_s: A connection that lasted so long ends the row of failures.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    refused_s: float = 300.0
    steady_s: float = 30.0


class SlackButtonsLoop:
    """Runs until it is told to stop. Whatever Slack does, alerts go out meanwhile."""

    def __init__(
        self, socket: SlackSocket, buttons: SlackButtons, health: Health, pauses: Pauses | None = None
    ) -> None:
        """Take the connection, what handles a press, and where to say how it goes."""
        self._socket = socket
        self._buttons = buttons
        self._health = health
        self._pauses = pauses or Pauses()
        self._presses: asyncio.Queue[Press] = asyncio.Queue(WAITING_PRESSES)
        self._state = "connecting"
        self._since = 0.0

    @property
    def state(self) -> str:
        """Whether buttons work now, in words."""
        return self._state

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, and connect again, and handle presses, until `stop` is set."""
        tasks = [
            asyncio.create_task(work, name=f"{NAME} {name}")
            for name, work in (
                ("connection", self._stay_connected()),
                ("presses", self._handle()),
                ("pulse", self._pulse()),
            )
        ]
        try:
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            self._since = asyncio.get_running_loop().time()
            pause_s = 0.0
            try:
                await self._socket.listen(self._take, self._connected)
            except PermanentError as error:
                pause_s = self._pauses.refused_s
                self._say(f"not connected: {error}", level="error")
            except Exception as error:  # whatever it is, the next connection may work and alerts must go on
                wish_s = error.retry_after_s or 0.0 if isinstance(error, TransientError) else 0.0
                failures = 0 if self._is_steady() else failures + 1
                pause_s = max(wish_s, self._pause_s(max(failures, 1)))
                what = str(error) if isinstance(error, DeliveryError) else type(error).__name__
                self._say(f"not connected: {what}", level="warning")
            else:  # Slack asked to connect anew, as it does every few hours
                failures = 0 if self._is_steady() else failures + 1
                pause_s = self._pause_s(failures) if failures > 1 else 0.0
            await asyncio.sleep(pause_s)

    def _is_steady(self) -> bool:
        return asyncio.get_running_loop().time() - self._since >= self._pauses.steady_s

    def _pause_s(self, failures: int) -> float:
        return min(self._pauses.first_s * 2.0 ** min(failures - 1, 30), self._pauses.longest_s)

    def _connected(self) -> None:
        self._say("connected", level="info")

    def _take(self, press: Press) -> None:
        try:
            self._presses.put_nowait(press)
        except asyncio.QueueFull:
            log.error("a press was dropped, too many wait", user=press.user, waiting=WAITING_PRESSES)

    async def _handle(self) -> None:
        while True:
            press = await self._presses.get()
            try:
                await self._buttons.press(press)
            except Exception as error:  # one press must not end the others
                log.error("a press failed", user=press.user, error=type(error).__name__, exc_info=True)

    async def _pulse(self) -> None:
        while True:
            self._stamp()
            await asyncio.sleep(PULSE_S)

    def _say(self, state: str, *, level: str) -> None:
        if state != self._state:
            getattr(log, level)("slack buttons", state=state)
        self._state = state
        self._stamp()

    def _stamp(self) -> None:
        self._health.stamp(NAME, within_s=10 * PULSE_S, note=self._state)


@asynccontextmanager
async def listening(loop: SlackButtonsLoop | None) -> AsyncIterator[None]:
    """Listen to buttons for as long as the block runs; None for no buttons."""
    if loop is None:
        yield
        return
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop), name=NAME)
    try:
        yield
    finally:
        stop.set()
        await task


def make_slack_buttons(
    settings: Settings,
    channels: Iterable[Channel],
    database: Database,
    clock: Clock,
    health: Health,
    wake: Callable[[], None],
    store: str = "",
) -> SlackButtonsLoop | None:
    """Build the loop; None where no channel has buttons.

    Args:
        settings: The configuration.
        channels: Those in force; the buttons answer through Slack's.
        database: The store.
        clock: The machine's own.
        health: Where to say how it goes.
        wake: Called when a press has done something that others are to be told.
        store: The store's identity, as delivery sends it.
    """
    wanted: SlackSettings = settings.channels.of("slack")  # type: ignore[assignment]
    slack = next((channel for channel in channels if isinstance(channel, SlackBotChannel)), None)
    if slack is None or not wanted.buttons or APP_TOKEN not in settings.secrets:
        return None
    socket = SlackSocket(
        settings.secrets[APP_TOKEN], timeout_s=wanted.timeout_seconds, api_url=wanted.api_url
    )
    routing = settings.routing(channel_levels(settings))
    buttons = SlackButtons(database, slack, wanted.roles, routing, clock, wake, store)
    return SlackButtonsLoop(socket, buttons, health)
