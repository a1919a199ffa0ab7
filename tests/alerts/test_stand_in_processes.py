"""The stand-ins as processes of their own, as a fault harness runs them."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from alerts.channels.channel import TransientError, UnknownOutcomeError
from alerts.channels.email import EmailChannel, TlsMode
from alerts.channels.webhook import WebhookChannel
from tests.stand_ins.messages import FIRING, RESOLVED
from tests.stand_ins.webhook import SECRET

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def running(module: str, *flags: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.stand_ins.{module}", *flags, cwd=ROOT, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(10):
            await process.communicate()


async def test_the_webhooks_receiver_takes_steers_and_tells() -> None:
    async with running("webhook", "--lifetime-s", "30") as (_, place), aiohttp.ClientSession() as visitor:
        channel = WebhookChannel(url=place["url"], secret=SecretStr(SECRET))
        await channel.send(FIRING)
        control = f"http://127.0.0.1:{place['port']}/control"
        await visitor.post(control, json={"mode": "429", "retry_after": "9"})
        with pytest.raises(TransientError) as caught:
            await channel.send(RESOLVED)
        told = await (await visitor.get(control)).json()
    assert caught.value.retry_after_s == 9.0
    assert (told["taken"], told["requests"], told["mode"]) == ([FIRING.key], 2, "429")


async def test_the_mail_server_writes_down_what_it_took(tmp_path: Path) -> None:
    record = tmp_path / "taken.txt"
    flags = ("--lifetime-s", "30", "--reply-loss", "1", "--record", str(record))
    async with running("smtp", *flags) as (_, place):
        channel = EmailChannel(
            host=place["host"], port=place["port"], sender="f@example.org", recipients=["a@example.org"],
            tls=TlsMode.NONE,
        )  # fmt: skip
        with pytest.raises(UnknownOutcomeError):
            await channel.send(RESOLVED)
    (taken,) = record.read_text().splitlines()
    assert taken.endswith("@example.org>")


async def test_a_stand_in_ends_by_itself() -> None:
    async with running("smtp", "--lifetime-s", "0.1") as (process, _):
        assert await process.wait() == 0
