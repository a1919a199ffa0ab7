"""The code hash: which forecaster a model was fitted by."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


@cache
def code_hash() -> str:
    """Return the SHA-256 of the forecaster's sources, names and all, as they were installed."""
    digest = hashlib.sha256()
    for name, source in sorted(_sources(files("forecaster"), "")):
        digest.update(f"{name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def _sources(folder: Traversable, above: str) -> list[tuple[str, bytes]]:
    found = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _sources(one, f"{above}{one.name}/")
        elif one.name.endswith(".py"):
            found.append((above + one.name, one.read_bytes()))
    return found
