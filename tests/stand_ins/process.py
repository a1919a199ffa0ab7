"""Stand-ins as processes of their own: the flags they share, and a life that ends by itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of one delivery."""

    TAKEN = "taken"
    REFUSED = "refused for now"
    REPLY_LOST = "taken, the reply lost"


@dataclass
class Dice:
    """Throws a fate for each delivery: `errors` and `reply_loss` are probabilities."""

    errors: float = 0.0
    reply_loss: float = 0.0
    seed: int = 7

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def throw(self) -> Fate:
        drawn = self._random.random()
        if drawn < self.errors:
            return Fate.REFUSED
        return Fate.REPLY_LOST if drawn < self.errors + self.reply_loss else Fate.TAKEN


def flags(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the flags every stand-in knows."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 picks one")
    parser.add_argument("--lifetime-s", type=float, default=600.0, help="seconds until it ends by itself")
    parser.add_argument("--reply-loss", type=float, default=0.0, help="share of replies lost after acting")
    parser.add_argument("--errors", type=float, default=0.0, help="share of deliveries refused for now")
    parser.add_argument("--seed", type=int, default=7)
    return parser


async def live(place: dict[str, str | int], lifetime_s: float) -> None:
    """Say where the stand-in listens, then wait for SIGTERM, SIGINT or the end of its life."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write(json.dumps(place) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(lifetime_s):
            await stop.wait()
