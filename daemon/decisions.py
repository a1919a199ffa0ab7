"""The decisions in the log: a structured line for each alert that is told, or not, for a new reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from daemon.judge import Decision

Hear = Callable[[Sequence[Decision]], None]
log = structlog.get_logger("telling")


def heard_by(*listeners: Hear) -> Hear:
    """Return what hands decisions to each listener in turn."""

    def hear(decisions: Sequence[Decision]) -> None:
        for listener in listeners:
            listener(decisions)

    return hear


def log_decisions(decisions: Sequence[Decision]) -> None:
    """Write what was decided about telling; call it once the decisions are committed."""
    for one in decisions:
        log.info(
            "told" if one.reason.told else "not told",
            alert=one.alert,
            group=one.group,
            state=one.state.value,
            reason=one.reason.value,
            because=one.reason.words,
        )
