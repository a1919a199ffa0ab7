"""Whether the channels would take a message: asked on demand and at every start, without sending one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from alerts.channels.channel import Channel, DeliveryError, PermanentError
from daemon.checks import Check, Standing
from daemon.configuration.config_error import ConfigError
from daemon.configuration.settings import PREFIX, Settings
from daemon.delivery.channels import make_channel
from daemon.live.health import Health

CHECK_S: Final = 60.0
"""Seconds a channel may take to answer, whatever its own time-out."""

PAUSES_S: Final = (30.0, 120.0, 600.0)
"""Seconds between two tries; the last for ever. One that is only away is reported when they are used up."""

LOOP: Final = "channels"
"""The name of the stamp that tells how the channels answered at the start."""

Report = Callable[[str, str], None]
Sleep = Callable[[float], Awaitable[None]]
log = structlog.get_logger("channels")


async def check_channel(settings: Settings, name: str) -> Check:
    """Ask one channel of the configuration; one that is off is left alone."""
    part = f"channel {name}"
    if not settings.channels.of(name).enabled:
        return Check(part, Standing.OFF, f"channels.{name}.enabled = false")
    try:
        channel = make_channel(settings, name)
    except ConfigError as error:
        return Check(part, Standing.WRONG, str(error), f"mend [channels.{name}]")
    try:
        error_found = await ask(channel)
    finally:
        await channel.aclose()
    if error_found is None:
        return Check(part, Standing.OK, "would take a message")
    return Check(part, Standing.WRONG, _said(error_found, name), _fix(error_found, settings, name))


async def ask(channel: Channel) -> DeliveryError | None:
    """Return what keeps a channel from taking a message, or None."""
    try:
        async with asyncio.timeout(CHECK_S):
            await channel.check()
    except DeliveryError as error:
        return error
    except TimeoutError:
        return DeliveryError(f"{channel.name}: no answer in {CHECK_S:g} s")
    except Exception as error:  # a channel that chokes on its own check never stops the others
        log.exception("channel raised what it should not", channel=channel.name)
        return DeliveryError(f"{channel.name}: unexpected {type(error).__name__}")
    return None


@asynccontextmanager
async def checking(channels: tuple[Channel, ...], health: Health, report: Report) -> AsyncIterator[None]:
    """Check every channel beside the block; what is not answered at its end is dropped."""
    checks = asyncio.create_task(check_at_start(channels, health, report), name="channel checks")
    try:
        yield
    finally:
        checks.cancel()
        await asyncio.gather(checks, return_exceptions=True)


async def check_at_start(
    channels: tuple[Channel, ...], health: Health, report: Report, *, sleep: Sleep = asyncio.sleep
) -> None:
    """Ask every channel; what fails reaches the log, the health and, through `report`, the other channels.

    It runs beside everything else and delays nothing. A channel that refuses for good is reported at once;
    one that is busy or away is asked some times before. Both are asked on until they answer.

    Args:
        channels: The enabled channels.
        health: Gets one stamp for all of them.
        report: Takes a channel's name and what keeps it from working, "" when that is over.
        sleep: Waits for so many seconds.
    """
    wrong: dict[str, str] = {}

    async def one(channel: Channel) -> None:
        tries = 0
        while (error := await ask(channel)) is not None:
            if isinstance(error, PermanentError) or tries >= len(PAUSES_S):
                if channel.name not in wrong:
                    log.error("channel would take no message", channel=channel.name, reason=str(error))
                wrong[channel.name] = str(error)
                health.fail(LOOP, "; ".join(wrong[name] for name in sorted(wrong)))
                report(channel.name, _said(error, channel.name))
            else:
                log.warning("channel does not answer yet", channel=channel.name, reason=str(error))
            await sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1
        if wrong.pop(channel.name, ""):
            log.info("channel would take a message now", channel=channel.name)
            report(channel.name, "")

    async with asyncio.TaskGroup() as group:
        for channel in channels:
            group.create_task(one(channel), name=f"check of {channel.name}")
    names = ", ".join(channel.name for channel in channels) or "no channel"
    health.stamp(LOOP, within_s=float("inf"), note=f"{names}: would take a message")


def _said(error: DeliveryError, name: str) -> str:
    return str(error).removeprefix(f"{name}: ")


def _fix(error: DeliveryError, settings: Settings, name: str) -> str:
    if not isinstance(error, PermanentError):
        return "see whether the receiver can be reached from here, then check again"
    needed = settings.channels.of(name).secrets_needed()
    return " or ".join([f"mend [channels.{name}]", *(f"{PREFIX}{secret.upper()}" for secret in needed)])
