"""The machine a measurement was made on, in words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = ("forewarn", "numpy", "scipy", "scikit-learn", "pandas")


def hardware() -> str:
    """Processor, cores and memory."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}"


def versions() -> str:
    """Python and the packages the numbers depend on."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    )


def load() -> str:
    """Processes that wanted a core in the last one and five minutes, on average."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} / {five:.1f}"


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
