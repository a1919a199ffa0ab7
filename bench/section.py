"""The section: one module's findings with its title and text, or why there are none."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from threadpoolctl import threadpool_limits

from bench.finding import Finding


@dataclass(frozen=True, slots=True)
class Section:
    """What one module measured.

    Attributes:
        name: The module.
        title: Its title.
        text: How it was measured: the module's docstring below its first line.
        findings: What was found; empty where it was skipped.
        seconds: How long it took.
        skipped: Why it was not measured; empty where it was.
        failed: It was not measured because it broke.
    """

    name: str
    title: str
    text: str
    findings: tuple[Finding, ...]
    seconds: float
    skipped: str = ""
    failed: bool = False


def measure(name: str, size: int | None = None) -> Section:
    """Run one module.

    Args:
        name: A module with `TITLE` and `findings(size)`; `NEEDS` names recorded data that it reads.
        size: How much to measure, in the module's own unit; None for all of it.
    """
    module = import_module(name)
    needs: tuple[Path, ...] = getattr(module, "NEEDS", ())
    text = (module.__doc__ or "").partition("\n\n")[2].strip()
    missing = [path.name for path in needs if not path.is_file()]
    if missing:
        why = f"skipped: the development data ({', '.join(missing)}) is not beside this checkout"
        return Section(name, module.TITLE, text, (), 0.0, why)
    started = time.perf_counter()
    try:
        with threadpool_limits(1):
            found = module.findings(module.FULL if size is None else size)
    except Exception as error:  # what else was measured must not be lost: the page says so, the command fails
        why = f"failed: {type(error).__name__}: {error}"
        return Section(name, module.TITLE, text, (), time.perf_counter() - started, why, failed=True)
    return Section(name, module.TITLE, text, tuple(found), time.perf_counter() - started)
