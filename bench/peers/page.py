"""The page: what was compared where and when, every table, every loss."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.peers.asking import Answer
from bench.peers.data import SEED
from bench.peers.environments import PEERS
from bench.peers.tables import Table

BUDGETS = """Equal budgets: each detector runs at a grid of its own settings; each stream is judged at
the setting that, on all *other* streams, noticed most while keeping the budget of false alarms (in the
total also at the one with the best F1). The rates printed are those on the streams judged; what raises
more than half as much again as its budget is not compared. Ours are built of the monitors' public
functions in `bench/real_drift/detectors.py`; their form was settled looking at these collections, so what
is claimed holds for these. Tried and left out: taking an alarm back within half a standard deviation
(worse in total than within one, and than never)."""


def page_of(tables: Sequence[Table], missing: Sequence[Answer], load: tuple[float, float, float]) -> str:
    """The page in Markdown.

    Args:
        tables: In order.
        missing: Peers that did not install.
        load: Load averages at the start.
    """
    versions = ", ".join(f"{peer.name} {peer.version}" for peer in PEERS)
    loads = ", ".join(f"{value:.2f}" for value in load)
    lost = [f"- *{table.title}*: {loss}" for table in tables for loss in table.losses]
    recorded = any(table.title.startswith("Real drift") for table in tables)
    lines = [
        "# Forewarn beside its peers",
        "",
        f"Written by `make bench-peers` on {datetime.now(UTC):%Y-%m-%d}.",
        f"Machine: {os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}, numpy",
        f"{np.__version__}. Load average at the start: {loads}. Seed {SEED}. One thread each; times were",
        f"taken one library at a time. Peers: {versions}, each in an environment of its own.",
        *(f"Not installed: {answer.error}." for answer in missing),
        "",
        BUDGETS
        if recorded
        else "The recorded streams are not beside this checkout: their tables are left out.",
        "",
        *(table.markdown() for table in tables),
        "## Every loss",
        "",
        *(lost or ["none."]),
        "",
    ]
    return "\n".join(lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
