"""Asking: one task of one contender in a process of its own, whatever becomes of it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.environments import Peer

ROOT = Path(__file__).parents[2]
ANSWER_S = 1500.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
IMPORTS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contender found, or why it found nothing.

    Attributes:
        peer: Its name.
        found: The JSON it printed; empty where it failed.
        error: Its last words, empty where it did not fail.
    """

    peer: str
    found: dict[str, Any]
    error: str = ""


def ask(peer: Peer, python: Path, task: str, data: Path, timeout_s: float = ANSWER_S) -> Answer:
    """Run `bench.peers.<module>` on a task; a failure is an answer too."""
    command = (str(python), "-W", "ignore", "-m", f"bench.peers.{peer.module}", task, str(data))
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(peer.name, {}, f"no answer to {task} within {timeout_s:g} s")
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return Answer(peer.name, json.loads(line))
    words = done.stderr.strip().splitlines() or [f"exit code {done.returncode} without a word"]
    return Answer(peer.name, {}, f"{task}: {words[-1][:160]}")


def import_s(peer: Peer, python: Path) -> float | None:
    """Least seconds of an import in a fresh process, after one that is not counted; None if it fails."""
    code = f"import time; t = time.perf_counter(); import {peer.imported}; print(time.perf_counter() - t)"
    times = []
    for _ in range(IMPORTS + 1):
        done = subprocess.run(  # noqa: S603
            (str(python), "-W", "ignore", "-c", code),
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=120.0,
            check=False,
        )
        if done.returncode:
            return None
        times.append(float(done.stdout.split()[-1]))
    return min(times[1:])


def _environment() -> dict[str, str]:
    """One thread each, no pictures, no calls home."""
    return {**os.environ, **dict.fromkeys(THREADS, "1"), "MPLBACKEND": "Agg", "DO_NOT_TRACK": "1"}
