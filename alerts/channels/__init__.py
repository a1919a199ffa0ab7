"""Channels: one file each; they carry a `Message` outside.

A file of this folder is a channel when it declares a `KIND`. Nothing else names it: the configuration, the
check and delivery take what `kinds` finds. A file whose name continues another's (`slack_bot.py` beside
`slack.py`) is a part of that one and is imported by it alone, when it is needed.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from alerts.channels.kind import ChannelKind


@cache
def kinds() -> dict[str, ChannelKind[Any]]:
    """Return every kind of channel by name, in the order of their names."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = (import_module(f"{__name__}.{name}") for name in names if not _is_part(name, names))
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)}


def _is_part(name: str, names: list[str]) -> bool:
    return any(name.startswith(f"{other}_") for other in names)
